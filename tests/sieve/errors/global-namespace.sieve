# RFC 6609 3.4.1: Namespace prefixes are not allowed in global
require ["include", "variables"];
global "global.a";
