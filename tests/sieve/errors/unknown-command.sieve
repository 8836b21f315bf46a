# RFC 5228 2.10.6: An unknown command is an error
frobnicate;
