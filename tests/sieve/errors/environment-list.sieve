# RFC 5183 4: The name of an item is one string
require "environment";
if environment ["name", "host"] "x" { keep; }
