# RFC 5228 8.2: No comma precedes the first string
if exists [,"from"] { keep; }
