# RFC 5228 2.6.2: An unknown tag is an error
if header :frobnicate "subject" "x" { keep; }
