# RFC 5260 4: The date test takes one header at a time
require "date";
if date ["date", "resent-date"] "hour" "1" { keep; }
