# RFC 5229 5: The string test needs its keys
require "variables";
if string "a" { keep; }
