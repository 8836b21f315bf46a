# RFC 6609 3.4.2: global.12 is not valid
require ["include", "variables"];
set "global.12" "value";
