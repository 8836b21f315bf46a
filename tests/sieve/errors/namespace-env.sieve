# RFC 5229 3: The namespace env needs its require
require ["variables", "fileinto", "environment"];
fileinto "${env.name}";
