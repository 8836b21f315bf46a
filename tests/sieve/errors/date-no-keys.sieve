# RFC 5260 4: The date test needs its keys
require "date";
if date "date" "hour" { keep; }
