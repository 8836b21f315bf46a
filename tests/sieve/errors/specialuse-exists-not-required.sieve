# RFC 8579: The test specialuse_exists needs its require
if specialuse_exists "\\Junk" { keep; }
