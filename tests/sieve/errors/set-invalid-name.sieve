# RFC 5229 4: An invalid name is a syntax error: dash
require "variables";
set "a-b" "x";
