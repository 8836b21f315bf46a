# RFC 5490 3.3: The metadata test needs its require
if metadata "INBOX" "/private/comment" "x" { keep; }
