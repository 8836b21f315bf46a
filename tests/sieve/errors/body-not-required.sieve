# RFC 5173 3: The body test needs its require
if body :contains "x" { keep; }
