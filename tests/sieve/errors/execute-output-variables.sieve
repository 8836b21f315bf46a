# spec-bosch-sieve-extprograms 7: The tag :output needs the variables extension
require "vnd.dovecot.execute";
execute :output "a" "program";
