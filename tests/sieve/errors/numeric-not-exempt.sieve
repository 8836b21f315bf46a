# RFC 5231 3: No comparator is exempt from the require clause
require "relational";
if header :count "eq" :comparator "i;ascii-numeric" "subject" "1" { keep; }
