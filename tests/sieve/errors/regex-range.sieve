# draft-murchison-sieve-regex 3: A range from high to low is a syntax error
require "regex";
if header :regex "subject" "[z-a]" { keep; }
keep;
