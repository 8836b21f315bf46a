# RFC 6009 5: "it is an error to specify an ADDRESS-PART argument in conjunction with these new envelope parts".
require ["envelope", "envelope-deliverby"];
if envelope :domain ["from", "bymode"] "return" { discard; }
