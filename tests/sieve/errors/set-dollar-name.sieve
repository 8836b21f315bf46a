# RFC 5229 4: An invalid name is a syntax error: a reference
require "variables";
set "$a" "x";
