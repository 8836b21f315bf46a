# extprograms 5.1: a program takes the message once per script
require "vnd.dovecot.pipe";
pipe "takes";
pipe "takes";
