# RFC 5229 4: The value is one string
require "variables";
set "a" ["x", "y"];
