# RFC 6609 3.1: three levels: the third
keep;
