# RFC 5260 6: The argument of :index is a number
require "index";
if header :index "1" "subject" "x" { keep; }
