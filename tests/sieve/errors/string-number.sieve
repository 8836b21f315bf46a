# RFC 5229 5: The source of the string test is a string
require "variables";
if string 1 "1" { keep; }
