# RFC 5293 4: Addheader needs its value
require "editheader";
addheader "X-A";
