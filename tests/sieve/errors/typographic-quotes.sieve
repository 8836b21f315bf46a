# RFC 5228 2.4.2: Typographic quotes make no string
redirect “ann@example.com”;
