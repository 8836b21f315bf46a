# RFC 5260 4.1: A zone is a sign and four digits: no sign
require "date";
if date :zone "0100" "date" "hour" "1" { keep; }
keep;
