# RFC 5228 2.10.5: The envelope test needs its require
if envelope "from" "x" { keep; }
