# A binary that was never saved.
require "vnd.dovecot.testsuite";
test_binary_load "nobody saved this";
