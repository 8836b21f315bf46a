# RFC 5490 4.1: The servermetadata test needs its own require
require "mboxmetadata";
if servermetadata "/private/comment" "x" { keep; }
