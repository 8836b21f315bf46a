# spec-bosch-sieve-extprograms 7: Execute takes :input or :pipe
require "vnd.dovecot.execute";
execute :input "a" :pipe "program";
