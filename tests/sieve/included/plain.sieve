# the personal script of this name
require "fileinto";
fileinto "Personal";
