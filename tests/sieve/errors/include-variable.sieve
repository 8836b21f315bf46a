# RFC 6609 3.2: Variables must not be expanded in the script name
require ["include", "variables"];
set "a" "plain";
include "${a}";
