# RFC 6609 3.4.1: Match variables cannot be global
require ["include", "variables"];
global "1";
