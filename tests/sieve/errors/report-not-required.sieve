# spec-bosch-sieve-report 4: Report needs its require
report "abuse" "text" "ann@example.com";
