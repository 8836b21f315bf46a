# RFC 6609 3.2: each script has its own require
fileinto "A";
