# RFC 5490 3.4: The metadataexists test needs its names
require "mboxmetadata";
if metadataexists "INBOX" { keep; }
