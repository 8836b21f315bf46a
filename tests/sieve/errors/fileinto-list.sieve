# RFC 5228 4.1: Fileinto takes one mailbox
require "fileinto";
fileinto ["A", "B"];
