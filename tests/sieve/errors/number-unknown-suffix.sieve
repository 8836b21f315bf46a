# RFC 5228 2.4.1: The suffixes are K, M and G
if size :over 10T { keep; }
