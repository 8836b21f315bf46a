# RFC 5232 5: Redirect takes no :flags
require "imap4flags";
redirect :flags "\\Seen" "ann@example.com";
