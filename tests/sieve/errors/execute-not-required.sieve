# extprograms 7: Execute needs its require
execute "program";
