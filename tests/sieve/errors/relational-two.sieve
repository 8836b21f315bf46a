# RFC 5231 4: It is an error to give two match types
require "relational";
if header :count "eq" :value "eq" "subject" "1" { keep; }
