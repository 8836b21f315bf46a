# RFC 5173 4: The body test takes one positional argument
require "body";
if body :contains "subject" "x" { keep; }
