# RFC 5229 2: Set needs its require
set "a" "b";
