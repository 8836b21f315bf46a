# spec-bosch-sieve-extprograms 7: Execute needs its require
execute "program";
