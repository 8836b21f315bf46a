# RFC 5228 8.2: A comma parts the strings of a list
if exists ["from" "to"] { keep; }
