# RFC 5231 4: A relational operator is one of six
require "relational";
if header :value "xx" "subject" "1" { keep; }
