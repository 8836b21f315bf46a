# RFC 5228 8.1: A line end follows "text:"
redirect text: ann@example.com
.
;
