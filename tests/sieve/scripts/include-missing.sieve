# RFC 6609 3.1: an included script that does not exist
require "include";
include "no-such-script";
keep;
