# see the test that compiles this script
require "include";
include "plain";
