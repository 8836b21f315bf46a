# spec-bosch-sieve-report 3: Report needs its recipient
require "vnd.dovecot.report";
report "abuse" "text";
