# extprograms 3: a program that is not there
require "vnd.dovecot.pipe";
pipe "no-such-program";
