# multiscript: one of a sequence
require "ihave";
error "deliberate";
