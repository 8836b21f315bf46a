# see the test that compiles this script
require ["include", "fileinto"];
include "no-require";
