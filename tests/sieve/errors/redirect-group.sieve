# RFC 5228 2.4.2.3: Named groups are not permitted
redirect "friends: ann@example.com;";
