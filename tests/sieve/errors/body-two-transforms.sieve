# RFC 5173 5: One body transform is given
require "body";
if body :raw :text :contains "x" { keep; }
