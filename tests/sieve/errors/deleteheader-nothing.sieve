# RFC 5293 5: The field name is mandatory
require "editheader";
deleteheader;
