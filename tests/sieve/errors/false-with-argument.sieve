# RFC 5228 5.6: False takes no argument
if false 1 { keep; }
