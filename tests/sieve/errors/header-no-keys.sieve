# RFC 5228 5.7: The header test needs its keys
if header :is "subject" { keep; }
