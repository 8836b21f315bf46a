# draft-murchison-sieve-regex 3: An unclosed group is a syntax error
require "regex";
if header :regex "subject" "(a" { keep; }
keep;
