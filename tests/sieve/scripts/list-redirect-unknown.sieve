# RFC 6134 2.3: a list that nobody knows.
require "extlists";
redirect :list "tag:example.com,2010:no-such-list";
