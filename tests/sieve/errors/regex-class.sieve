# draft-murchison-sieve-regex 3: An unknown class is a syntax error
require "regex";
if header :regex "subject" "[[:frob:]]" { keep; }
keep;
