# RFC 6609 3.4.1: without global the name is another variable
require "variables";
set "shared" "private";
