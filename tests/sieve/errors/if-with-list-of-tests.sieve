# RFC 5228 3.1: If takes one test and no list
if (true, true) { keep; }
