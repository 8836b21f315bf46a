# RFC 5232 5: The tag :flags needs its list
require "imap4flags";
keep :flags;
