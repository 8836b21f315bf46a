# RFC 5229 4: An invalid name is a syntax error: not ASCII
require "variables";
set "é" "x";
