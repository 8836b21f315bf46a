# extprograms 5: a program that fails
require "vnd.dovecot.pipe";
pipe "fails";
