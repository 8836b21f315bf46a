# a script without action
if false { discard; }
