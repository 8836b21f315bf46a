# see the test that compiles this script
require "include";
include "with-require";
fileinto "B";
