# RFC 5228 4.2: The address of redirect is a string
redirect 1;
