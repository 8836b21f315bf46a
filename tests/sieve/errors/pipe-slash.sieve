# spec-bosch-sieve-extprograms 3: A program name is no path
require "vnd.dovecot.pipe";
pipe "../bin/sh";
