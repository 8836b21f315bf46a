# RFC 6609 3.3: return in the main script is stop
require ["include", "fileinto"];
fileinto "Before";
return;
discard;
