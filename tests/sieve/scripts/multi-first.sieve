# multiscript: one of a sequence
require "fileinto";
fileinto "First";
