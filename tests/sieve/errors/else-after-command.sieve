# RFC 5228 3.1: A command between if and else parts them
if false { keep; }
keep;
else { discard; }
