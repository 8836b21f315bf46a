# RFC 5490 3.3: The metadata test needs its keys
require "mboxmetadata";
if metadata "INBOX" "/private/comment" { keep; }
