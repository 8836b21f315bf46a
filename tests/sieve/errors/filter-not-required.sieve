# spec-bosch-sieve-extprograms 6: Filter needs its require
filter "program";
