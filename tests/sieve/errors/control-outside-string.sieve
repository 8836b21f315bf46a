# RFC 5228 8.1: A control character is no white space
keep;
