# RFC 5260 5: The currentdate test needs its keys
require "date";
if currentdate "hour" { keep; }
