# multiscript: one of a sequence
discard;
