# RFC 5293 4: An invalid field name must be flagged as an error: not ASCII
require "editheader";
addheader "X-é" "b";
