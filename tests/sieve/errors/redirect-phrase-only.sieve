# RFC 5228 2.4.2.3: A phrase without an address is an error
redirect "Ann Example";
