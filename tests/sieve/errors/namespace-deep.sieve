# RFC 5229 3: A sub-namespace of an unknown namespace is an error
require ["variables", "fileinto"];
fileinto "${foo.bar.baz}";
