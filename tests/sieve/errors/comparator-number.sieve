# RFC 5228 2.7.3: The name of a comparator is a string
if header :comparator 1 "subject" "x" { keep; }
