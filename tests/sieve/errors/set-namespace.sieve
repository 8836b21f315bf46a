# RFC 5229 4: A namespace cannot be used in set unless an extension allows it
require "variables";
set "foo.bar" "x";
