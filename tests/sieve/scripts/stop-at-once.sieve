# RFC 5228 3.3: a script that ends before its action
stop;
discard;
