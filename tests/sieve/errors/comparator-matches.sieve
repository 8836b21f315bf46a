# RFC 5228 2.7.1: i;ascii-numeric is not compatible with :matches
require "comparator-i;ascii-numeric";
if header :comparator "i;ascii-numeric" :matches "x-n" "1" { keep; }
