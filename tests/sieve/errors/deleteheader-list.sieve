# RFC 5293 5: Deleteheader takes one field name
require "editheader";
deleteheader ["X-A", "X-B"];
