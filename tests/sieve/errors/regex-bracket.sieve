# draft-murchison-sieve-regex 3: An unclosed bracket is a syntax error
require "regex";
if header :regex "subject" "[a" { keep; }
keep;
