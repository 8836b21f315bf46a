# RFC 5463 5: The error control terminates execution with a run-time error
require "ihave";
error "this is how it ends";
