# draft-murchison-sieve-regex 2: The match type :regex needs its require
if header :regex "subject" "x" { keep; }
