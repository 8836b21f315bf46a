# RFC 7352 3: The duplicate test takes no positional argument
require "duplicate";
if duplicate "x" { keep; }
