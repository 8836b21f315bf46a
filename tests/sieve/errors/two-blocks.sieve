# RFC 5228 2.6.4: No more than one block may be used
if true { keep; } { discard; }
