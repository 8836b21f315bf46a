# RFC 6609 3.1: an error at execution time, if it is executed
require "include";
if false {
    include "no-such-script";
}
keep;
