# RFC 5260 4.1: A zone is a string
require "date";
if date :zone 100 "date" "hour" "1" { keep; }
