# RFC 5231 1: The match type :count needs its require
if header :count "eq" "subject" "1" { keep; }
