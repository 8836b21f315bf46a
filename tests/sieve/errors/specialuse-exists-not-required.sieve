# RFC 8579 3: The test specialuse_exists needs its require
if specialuse_exists "\\Junk" { keep; }
