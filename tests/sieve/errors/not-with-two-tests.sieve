# RFC 5228 5.8: Not takes one test
if not (true, false) { keep; }
