# RFC 6609 3.4.1: a global variable is set here
require ["include", "variables"];
global ["shared", "other"];
set "shared" "from within, was ${shared}";
