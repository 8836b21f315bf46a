# RFC 6134 2.2: a list that nobody knows.
require "extlists";
if header :list "subject" "tag:example.com,2010:no such list" { discard; }
