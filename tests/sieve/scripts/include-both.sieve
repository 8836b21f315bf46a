# see the test that compiles this script
require "include";
include :global "plain";
include :personal "plain";
