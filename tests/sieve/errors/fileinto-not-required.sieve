# RFC 5228 2.10.5: Fileinto needs its require
fileinto "Folder";
