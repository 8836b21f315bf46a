# RFC 5228 2.10.7: fifteen levels of nested test lists
if allof (true, anyof (false, allof (true, anyof (false, allof (true, anyof (false, allof (true, anyof (false, allof (true, anyof (false, allof (true, anyof (false, allof (true, anyof (false, allof (true))))))))))))))) {
    keep;
}
