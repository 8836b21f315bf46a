# RFC 5228 3.1: Else takes no test
if false { keep; } else true { keep; }
