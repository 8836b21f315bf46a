# RFC 5231 4: A relational match type needs its operator
require "relational";
if header :count "subject" "1" { keep; }
