# RFC 6609 3.2: names may hold spaces
keep;
