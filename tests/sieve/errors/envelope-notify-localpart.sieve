# RFC 6009 4: "it is an error to specify an ADDRESS-PART argument in conjunction with these new envelope parts".
require ["envelope", "envelope-dsn"];
if envelope :localpart "notify" "SUCCESS" { discard; }
