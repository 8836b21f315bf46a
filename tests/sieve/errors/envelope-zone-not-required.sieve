# RFC 6009 5: :zone is envelope-deliverby's.
require ["envelope", "envelope-dsn"];
if envelope :zone "+0000" "notify" "SUCCESS" { discard; }
