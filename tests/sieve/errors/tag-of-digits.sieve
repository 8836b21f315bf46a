# RFC 5228 8.1: A tag begins with no digit
if header :1is "subject" "x" { keep; }
