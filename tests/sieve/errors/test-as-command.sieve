# RFC 5228 2.9: A test is no command
true;
