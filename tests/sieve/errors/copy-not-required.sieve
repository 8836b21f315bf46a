# RFC 3894 3: Fileinto knows :copy only where copy is required
require "fileinto";
fileinto :copy "A";
