# RFC 5233 4: It is an error to give two address parts
require "subaddress";
if address :user :detail "to" "x" { keep; }
