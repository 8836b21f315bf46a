# RFC 6609 3.4.1: Global after a set of the same variable is an error
require ["include", "variables"];
set "a" "b";
global "a";
