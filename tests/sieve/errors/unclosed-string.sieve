# RFC 5228 8.1: A string needs its closing quote
redirect "ann@example.com;
