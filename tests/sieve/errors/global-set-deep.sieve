# RFC 6609 3.4.2: The namespace global has no sub-namespaces
require ["include", "variables"];
set "global.data.from" "me@example.com";
