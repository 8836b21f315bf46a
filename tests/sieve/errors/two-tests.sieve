# RFC 5228 2.6.4: No more than one test may be used
if true false { keep; }
