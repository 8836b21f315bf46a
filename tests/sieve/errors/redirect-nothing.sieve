# RFC 5228 4.2: Redirect needs its address
redirect;
