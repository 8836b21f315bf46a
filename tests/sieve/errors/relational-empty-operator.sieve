# RFC 5231 4: A relational operator is not empty
require "relational";
if header :count "" "subject" "1" { keep; }
