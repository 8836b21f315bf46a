# RFC 5228 5.4: The envelope test needs its keys
require "envelope";
if envelope "from" { keep; }
