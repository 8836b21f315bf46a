# RFC 5260 4.1: A zone is a sign and four digits: no name
require "date";
if date :zone "CET" "date" "hour" "1" { keep; }
keep;
