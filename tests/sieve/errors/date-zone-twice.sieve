# RFC 5260 4: The zone is given once
require "date";
if date :zone "+0100" :zone "+0200" "date" "hour" "1" { keep; }
