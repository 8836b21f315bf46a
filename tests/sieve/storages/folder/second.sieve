require "fileinto";
fileinto "Folder";
