# RFC 5228 5.7: The header test takes no address part
if header :domain "from" "x" { keep; }
