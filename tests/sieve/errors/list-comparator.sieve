# RFC 6134 2.2: no comparator beside :list.
require "extlists";
if header :list :comparator "i;ascii-casemap" "subject" ":addrbook:default" { discard; }
