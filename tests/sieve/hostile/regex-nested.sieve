# Repeats inside repeats: the number of ways is exponential.
require ["regex", "variables"];
set "a" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
set "a" "${a}${a}${a}${a}${a}${a}${a}${a}!";
if string :regex "${a}" "^(a+)+(a+)+(a+)+$" { discard; }
