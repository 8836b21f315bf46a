# RFC 5228 5.2: Allof takes a test list
if allof { keep; }
