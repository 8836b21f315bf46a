# RFC 5231 4: A relational operator is no symbol
require "relational";
if header :value ">" "subject" "1" { keep; }
