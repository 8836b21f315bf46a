# RFC 5228 8.1: A slash alone is no comment
/ * no comment * /
keep;
