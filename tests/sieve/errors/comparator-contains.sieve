# RFC 5228 2.7.1: i;ascii-numeric is not compatible with :contains
require "comparator-i;ascii-numeric";
if header :contains :comparator "i;ascii-numeric" "x-n" "1" { keep; }
