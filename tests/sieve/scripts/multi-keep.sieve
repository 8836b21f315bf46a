# an explicit keep
keep;
