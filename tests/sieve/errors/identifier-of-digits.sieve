# RFC 5228 8.1: An identifier begins with no digit
1keep;
