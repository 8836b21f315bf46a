# A script that only a dictionary has.
require "include";
include :personal "first";
