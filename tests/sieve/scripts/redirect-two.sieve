# RFC 5228 4.2: two redirects
redirect "one@example.com";
redirect "two@example.com";
