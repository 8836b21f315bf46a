# RFC 5228 5.7: The header test needs its header names
if header { keep; }
