# RFC 5228 8.2: A block belongs to a command
{ keep; }
