# RFC 6009 4: an address part of what is no address, seen when it runs.
require ["envelope", "envelope-dsn", "variables"];
set "part" "notify";
if envelope :domain "${part}" "SUCCESS" { discard; }
