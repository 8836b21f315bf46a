# there is no personal script of this name
keep;
