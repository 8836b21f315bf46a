# RFC 5233 3: The part :detail needs its require
if address :detail "to" "x" { keep; }
