# RFC 5228 4.1: Fileinto needs its mailbox
require "fileinto";
fileinto;
