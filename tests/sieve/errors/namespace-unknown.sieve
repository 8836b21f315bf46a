# RFC 5229 3: References to an unknown namespace are an error
require ["variables", "fileinto"];
fileinto "${foo.bar}";
