# RFC 5260 3: The currentdate test needs its require
if currentdate "year" "2020" { keep; }
