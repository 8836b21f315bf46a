# RFC 5293 4: Addheader takes no :index
require "editheader";
addheader :index 1 "X-A" "b";
