# RFC 5229 4: An invalid name is a syntax error: digit first
require "variables";
set "1a" "x";
