# RFC 5228 2.4.1: Numbers are ordinary decimal numbers
if size :over 0x10 { keep; }
