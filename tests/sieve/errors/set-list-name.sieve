# RFC 5229 4: The name is one string
require "variables";
set ["a", "b"] "x";
