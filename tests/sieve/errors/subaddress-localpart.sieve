# RFC 5233 4: It is an error to give :user beside :localpart
require "subaddress";
if address :localpart :user "to" "x" { keep; }
