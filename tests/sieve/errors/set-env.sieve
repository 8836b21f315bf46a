# spec-bosch-sieve-dovecot-environment 4: variables in the env namespace can never be modified
require ["vnd.dovecot.environment", "variables"];
set "env.name" "x";
