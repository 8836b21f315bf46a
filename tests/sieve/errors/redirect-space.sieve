# RFC 5228 2.4.2.3: An address with a space in its domain is an error
redirect "ann@exam ple.com";
