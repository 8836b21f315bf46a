# RFC 5228 4.1: Fileinto takes one argument
require "fileinto";
fileinto "A" "B";
