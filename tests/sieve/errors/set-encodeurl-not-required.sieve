# RFC 5435 6: The modifier :encodeurl needs enotify
require "variables";
set :encodeurl "a" "x";
