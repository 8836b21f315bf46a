# RFC 5228 2.4.2.3: An angle bracket needs its end
redirect "Ann <ann@example.com";
