# RFC 5703 4: The tag :mime needs its require
if header :mime "subject" "x" { keep; }
