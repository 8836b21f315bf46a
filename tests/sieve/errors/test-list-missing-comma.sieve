# RFC 5228 8.2: A comma parts the tests of a list
if allof (true true) { keep; }
