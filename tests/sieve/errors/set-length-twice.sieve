# RFC 5229 4.1: The same modifier twice is an error
require "variables";
set :length :length "a" "x";
