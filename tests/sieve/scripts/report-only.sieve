# section 3: report does not cancel the implicit keep
require "vnd.dovecot.report";
report "abuse" "This spam message slipped through." "spam-report@example.org";
