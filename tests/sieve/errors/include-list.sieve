# RFC 6609 3.2: The name of a script is one string
require "include";
include ["plain", "other"];
