# RFC 5228 2.6: An address part is given once
if address :all :all "from" "x" { keep; }
