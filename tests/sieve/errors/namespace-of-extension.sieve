# RFC 5229 3: References to a namespace need the require of its extension
require ["variables", "fileinto"];
fileinto "${global.bar}";
