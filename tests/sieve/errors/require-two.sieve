# RFC 5228 3.2: Require takes one argument
require "fileinto" "copy";
keep;
