# RFC 5228 2.9: Action commands do not take tests
keep true;
