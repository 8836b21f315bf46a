# RFC 5229 4: An invalid name is a syntax error: empty
require "variables";
set "" "x";
