# RFC 6134 2.2: :list is a match type, of which there is one.
require "extlists";
if header :is :list "subject" ":addrbook:default" { discard; }
