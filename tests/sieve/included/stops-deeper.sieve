# RFC 6609 3.2: stop stops all scripts, also two levels up
require "include";
include "stops";
discard;
