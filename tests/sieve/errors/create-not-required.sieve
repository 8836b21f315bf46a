# RFC 5490 3.2: The tag :create needs mailbox
require "fileinto";
fileinto :create "A";
