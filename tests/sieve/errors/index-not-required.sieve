# RFC 5260 6: The tag :index needs its require
if header :index 1 "subject" "x" { keep; }
