# RFC 5228 2.7.4: It is an error to give more than one address part
if address :localpart :domain "from" "x" { keep; }
