# RFC 8579: The tag :specialuse needs its require
require "fileinto";
fileinto :specialuse "\\Junk" "Spam";
