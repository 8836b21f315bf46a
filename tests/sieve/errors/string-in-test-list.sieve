# RFC 5228 8.2: A test list holds no strings
if anyof ("x", true) { keep; }
