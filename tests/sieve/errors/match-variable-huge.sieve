# RFC 5229 6: An index higher than supported is a syntax error
require ["variables", "fileinto"];
fileinto "${99999999999999999999}";
