# RFC 5228 6.1: all implementations have these two capabilities
require ["comparator-i;octet", "comparator-i;ascii-casemap"];
if header :comparator "i;octet" "subject" "x" {
    keep;
}
