# RFC 5231 4: It is an error to give :is beside :value
require "relational";
if header :is :value "eq" "subject" "1" { keep; }
