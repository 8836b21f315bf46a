# RFC 5232 5: The tag :flags needs imap4flags
require "fileinto";
fileinto :flags "\\Seen" "A";
