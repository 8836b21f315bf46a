# RFC 5229 2: The string test needs its require
if string "a" "a" { keep; }
