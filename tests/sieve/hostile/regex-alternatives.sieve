# Alternatives that are the same.
require ["regex", "variables"];
set "a" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
set "a" "${a}${a}${a}${a}${a}${a}${a}${a}!";
if string :regex "${a}" "^(a|a|a|aa)+$" { discard; }
