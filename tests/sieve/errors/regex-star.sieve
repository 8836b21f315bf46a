# draft-murchison-sieve-regex 3: A star that counts nothing is a syntax error
require "regex";
if header :regex "subject" "+a" { keep; }
keep;
