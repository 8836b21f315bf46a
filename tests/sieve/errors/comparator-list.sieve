# RFC 5228 2.7.3: The name of a comparator is one string
if header :comparator ["i;octet", "i;ascii-casemap"] "subject" "x" { keep; }
