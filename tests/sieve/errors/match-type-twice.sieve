# RFC 5228 2.6: An optional argument is used once
if header :is :is "subject" "x" { keep; }
