# RFC 5703 5: an address that is none, seen when it runs.
require ["replace", "variables"];
set "from" "no address";
replace :from "${from}" "x";
