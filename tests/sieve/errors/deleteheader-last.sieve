# RFC 5293 5: Deleteheader with :last and without :index is an error
require "editheader";
deleteheader :last "X-A";
