# multiscript: one of a sequence
stop;
discard;
