# RFC 6609 3.1: direct recursion
require "include";
include "self";
