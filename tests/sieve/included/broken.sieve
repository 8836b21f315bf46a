# RFC 6609 3.2: the included script must be valid
keep
