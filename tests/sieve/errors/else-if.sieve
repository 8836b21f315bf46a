# RFC 5228 3.1: The sequence "else if" is prohibited
if false { keep; } else if true { discard; }
