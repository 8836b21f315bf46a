# RFC 6609 3.2: a recursive inclusion with :once is none
require ["include", "variables"];
global "count";
set "count" "${count}x";
include :once "self-once";
