# RFC 5235 3.2: The spamtest test needs its require
if spamtest "1" { keep; }
