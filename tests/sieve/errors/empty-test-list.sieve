# RFC 5228 8.2: A test list holds a test at least
if anyof () { keep; }
