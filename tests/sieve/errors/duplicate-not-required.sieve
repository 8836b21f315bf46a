# RFC 7352 4: The duplicate test needs its require
if duplicate { keep; }
