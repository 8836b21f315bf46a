# RFC 5228 5.8: Not takes a test
if not { keep; }
