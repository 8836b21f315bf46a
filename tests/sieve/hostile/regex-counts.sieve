# Counts of counts: the compiled form would be huge.
require "regex";
if header :regex "subject" "((((a{1,200}){1,200}){1,200}){1,200}){1,200}" { discard; }
