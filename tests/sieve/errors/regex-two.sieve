# draft-murchison-sieve-regex 3: It is an error to give :regex beside :matches
require "regex";
if header :regex :matches "subject" "x" { keep; }
