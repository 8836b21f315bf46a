# RFC 9042: The tag :mailboxid needs its require
require "fileinto";
fileinto :mailboxid "F1" "A";
