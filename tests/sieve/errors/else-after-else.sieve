# RFC 5228 3.1: An else does not follow an else
if false { keep; } else { keep; } else { keep; }
