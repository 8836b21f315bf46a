# RFC 5260 3: The date test needs its require
if date "date" "year" "2020" { keep; }
