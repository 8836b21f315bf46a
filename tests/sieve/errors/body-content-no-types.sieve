# RFC 5173 5.2: The transform :content needs its types
require "body";
if body :content :contains "x" { keep; }
