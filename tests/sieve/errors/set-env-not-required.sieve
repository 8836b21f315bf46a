# RFC 5229 4: The namespace env needs vnd.dovecot.environment
require "variables";
set "env.name" "x";
