# RFC 5231 1: The match type :value needs its require
if header :value "eq" "subject" "1" { keep; }
