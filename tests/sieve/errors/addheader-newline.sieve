# RFC 5293 4: An invalid field name must be flagged as an error: line end
require "editheader";
addheader "X-A
X-B" "b";
