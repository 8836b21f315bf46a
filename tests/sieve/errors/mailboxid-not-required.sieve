# RFC 9042 4: The tag :mailboxid needs its require
require "fileinto";
fileinto :mailboxid "F1" "A";
