# RFC 5228 5.4: An unknown envelope part is an error
require "envelope";
if envelope "frobnicate" "x" { keep; }
keep;
