# RFC 5228 5.9: The limit of size is a number
if size :over "100" { keep; }
