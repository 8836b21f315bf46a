# RFC 5229 6: An index of 2^32 and one does not become 1
require ["variables", "fileinto"];
fileinto "${4294967297}";
