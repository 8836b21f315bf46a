# RFC 6609 3.2: an include may stand in a block
require "include";
if false {
    include "plain";
} else {
    include "level3";
}
