# RFC 6609 3.4.1: The names in global are constant
require ["include", "variables"];
set "a" "b";
global "${a}";
