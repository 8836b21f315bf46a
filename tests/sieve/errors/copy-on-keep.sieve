# RFC 3894 3: Keep takes no :copy
require "copy";
keep :copy;
