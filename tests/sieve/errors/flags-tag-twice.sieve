# RFC 5228 2.6: The tag :flags is given once
require "imap4flags";
keep :flags "\\Seen" :flags "\\Draft";
