# RFC 5232 1: A variable name needs the variables extension: hasflag
require "imap4flags";
if hasflag "a" "\\Seen" { keep; }
