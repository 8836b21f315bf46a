# RFC 5228 2.4.2.3: Two addresses in one string are an error
redirect "ann@example.com, bob@example.com";
