# RFC 5228 4.2: Redirect takes one argument
redirect "ann@example.com" "bob@example.com";
