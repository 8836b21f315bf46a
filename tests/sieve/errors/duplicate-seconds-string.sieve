# RFC 7352 3: The argument of :seconds is a number
require "duplicate";
if duplicate :seconds "60" { keep; }
