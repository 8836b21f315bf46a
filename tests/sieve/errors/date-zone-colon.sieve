# RFC 5260 4.1: A zone is a sign and four digits: no colon
require "date";
if date :zone "+01:00" "date" "hour" "1" { keep; }
keep;
