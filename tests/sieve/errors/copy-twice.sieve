# RFC 5228 2.6: The tag :copy is given once
require ["copy", "fileinto"];
fileinto :copy :copy "A";
