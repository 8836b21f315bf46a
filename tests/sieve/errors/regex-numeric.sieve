# draft-murchison-sieve-regex 3: :regex does not go with i;ascii-numeric
require ["regex", "comparator-i;ascii-numeric"];
if header :regex :comparator "i;ascii-numeric" "subject" "1" { keep; }
