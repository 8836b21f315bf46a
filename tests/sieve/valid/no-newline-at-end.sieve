# RFC 5228 8.2: no newline at the end
keep;