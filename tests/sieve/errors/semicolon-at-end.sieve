# RFC 5228 8.2: The last command ends with a semicolon too
keep