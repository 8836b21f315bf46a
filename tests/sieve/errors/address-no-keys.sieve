# RFC 5228 5.1: The address test needs its keys
if address "from" { keep; }
