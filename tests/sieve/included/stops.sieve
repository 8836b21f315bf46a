# RFC 6609 3.2: stop stops all scripts
stop;
