# RFC 5231 4: A relational operator is a string
require "relational";
if header :count 1 "subject" "1" { keep; }
