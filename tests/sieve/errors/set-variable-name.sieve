# RFC 5229 4: The name must be a constant string
require "variables";
set "a" "b";
set "${a}" "x";
