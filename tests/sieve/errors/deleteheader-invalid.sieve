# RFC 5293 5: An invalid field name must be flagged as an error: deleteheader
require "editheader";
deleteheader "X-A:";
