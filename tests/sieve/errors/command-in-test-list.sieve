# RFC 5228 8.2: A test list holds no actions
if anyof (keep, true) { keep; }
