# RFC 6609 3.1: indirect recursion
require "include";
include "circle-b";
