# RFC 8579 4: an attribute that is none, seen when it runs.
require ["special-use", "fileinto", "variables"];
set "use" "Junk";
fileinto :specialuse "${use}" "Fallback";
