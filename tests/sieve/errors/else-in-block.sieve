# RFC 5228 3.1: An else in the block does not follow the if before the brace
if true { else { keep; } }
