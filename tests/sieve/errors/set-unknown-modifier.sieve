# RFC 5229 4.1: Unknown modifiers are a syntax error
require "variables";
set :frobnicate "a" "x";
