# What is no token is a mistake, and so is that a command does not end there.
if anyof ( $, true ) { keep; }
