# multiscript: one of a sequence
require "variables";
set "a" "set";
if string :matches "matched" "*" { }
