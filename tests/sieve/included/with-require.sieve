# RFC 6609 3.2: a require is not passed on
require ["fileinto", "copy"];
fileinto :copy "A";
