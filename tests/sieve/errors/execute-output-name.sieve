# spec-bosch-sieve-extprograms 7: The variable of :output can be set
require ["vnd.dovecot.execute", "variables"];
execute :output "1" "program";
