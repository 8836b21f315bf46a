# RFC 6609 3.2: counts how often it was included
require ["include", "variables"];
global "count";
set "count" "${count}x";
