# RFC 6609 3.4.2: The namespace global needs include
require "variables";
set "global.a" "x";
