# RFC 5228 8.2: A command ends with a semicolon
keep
stop;
