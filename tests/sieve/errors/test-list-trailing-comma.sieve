# RFC 5228 8.2: No comma follows the last test
if allof (true,) { keep; }
