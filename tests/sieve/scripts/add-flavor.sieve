# RFC 5293 7: the implicit keep comes after the modifications
require "editheader";
addheader "X-Flavor" "vanilla";
