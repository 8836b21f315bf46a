# RFC 6609 3.1: three levels: the second
require "include";
include "level3";
