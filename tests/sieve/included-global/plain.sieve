# the global script of this name
require "fileinto";
fileinto "Global";
