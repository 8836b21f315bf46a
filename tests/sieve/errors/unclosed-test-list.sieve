# RFC 5228 8.2: A test list needs its closing parenthesis
if allof (true, true { keep; }
