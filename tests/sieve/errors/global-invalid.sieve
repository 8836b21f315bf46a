# RFC 6609 3.4.1: An invalid name is a syntax error
require ["include", "variables"];
global "a-b";
