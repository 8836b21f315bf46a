# spec-bosch-sieve-dovecot-environment 4: Variables of the namespace env can never be modified
require ["vnd.dovecot.environment", "variables"];
set "env.name" "x";
