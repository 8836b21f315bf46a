# extprograms 7: a program that is not there, as an action
require "vnd.dovecot.execute";
execute "no-such-program";
keep;
