# RFC 5228 4.1: The mailbox is a string
require "fileinto";
fileinto 1;
