# RFC 5228 8.2: A list holds a string at least
if exists [] { keep; }
