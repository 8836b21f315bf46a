# RFC 5228 5.7: The key of a header test is a string
if header "subject" 1 { keep; }
