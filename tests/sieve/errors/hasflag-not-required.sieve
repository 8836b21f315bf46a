# RFC 5232 1: The hasflag test needs its require
if hasflag "\\Seen" { keep; }
