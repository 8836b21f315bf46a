# multiscript: one of a sequence
require "reject";
reject "no";
