# RFC 5228 2.4.2.3: An address without domain is an error
redirect "ann";
