# RFC 5228 3.3: Stop takes no argument
stop 1;
