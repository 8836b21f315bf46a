# RFC 5228 8.1: No space parts a number from its suffix
if size :over 10 K { keep; }
