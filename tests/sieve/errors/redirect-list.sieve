# RFC 5228 4.2: Redirect takes one address
redirect ["ann@example.com", "bob@example.com"];
