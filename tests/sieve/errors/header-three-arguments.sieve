# RFC 5228 5.7: The header test takes two positional arguments
if header "subject" "x" "y" { keep; }
