# RFC 5228 8.1: A bracketed comment needs its end
keep;
/* no end
