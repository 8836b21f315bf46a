# RFC 5228 2.4.2.3: An address with a line end and a header is an error
redirect "ann@example.com
Bcc: bob@example.com";
