# spec-bosch-sieve-extprograms 3: No variables are expanded in program names
require ["vnd.dovecot.pipe", "variables"];
set "a" "x";
pipe "${a}";
