# extprograms 5.1: pipe is incompatible with reject
require ["vnd.dovecot.pipe", "reject"];
pipe "takes";
reject "no";
