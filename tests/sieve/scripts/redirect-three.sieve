# RFC 5228 4.2: three redirects
redirect "one@example.com";
redirect "two@example.com";
redirect "three@example.com";
