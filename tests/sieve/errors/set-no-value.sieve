# RFC 5229 4: Set needs its value
require "variables";
set "a";
