# see the test that compiles this script
require "include";
include "circle-a";
keep;
