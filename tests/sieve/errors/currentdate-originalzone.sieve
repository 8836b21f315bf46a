# RFC 5260 5: The currentdate test takes no :originalzone
require "date";
if currentdate :originalzone "hour" "1" { keep; }
