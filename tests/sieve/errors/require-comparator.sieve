# RFC 5228 2.7.3: A comparator that is not known is an error in require
require "comparator-i;elbonia";
keep;
