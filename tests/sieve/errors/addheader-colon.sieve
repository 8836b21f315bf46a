# RFC 5293 4: An invalid field name must be flagged as an error: colon
require "editheader";
addheader "X-A:" "b";
