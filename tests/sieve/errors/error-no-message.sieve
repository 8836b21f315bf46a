# RFC 5463 5: The error control needs its message
require "ihave";
error;
