require ["fileinto", "copy"];
fileinto :copy "Elsewhere";
