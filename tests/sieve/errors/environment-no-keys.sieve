# RFC 5183 4: The environment test needs its keys
require "environment";
if environment "name" { keep; }
