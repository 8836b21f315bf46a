# RFC 5228 8.1: A tag is a colon and its identifier without space
if header : is "subject" "x" { keep; }
