# RFC 6009 5: time-zone = ( "+" / "-" ) 4DIGIT.
require ["envelope", "envelope-deliverby"];
if envelope :zone "CET" "bytimeabsolute" "x" { discard; }
