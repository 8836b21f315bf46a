# RFC 5228 3.1: If takes a block
if true;
