# RFC 6609 3.2: a global script is no personal one
require "include";
include :personal "only-global";
