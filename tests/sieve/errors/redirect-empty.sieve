# RFC 5228 2.4.2.3: An empty address is an error
redirect "";
