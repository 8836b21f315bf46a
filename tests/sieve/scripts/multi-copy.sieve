# multiscript: one of a sequence
require ["fileinto", "copy"];
fileinto :copy "First";
