# RFC 5233 3: The part :user needs its require
if address :user "to" "x" { keep; }
