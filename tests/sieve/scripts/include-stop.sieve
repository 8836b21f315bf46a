# RFC 6609 3.2: stop in an included script stops all
require "include";
include "stops";
discard;
