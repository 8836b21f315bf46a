# RFC 5228 5.5: The exists test takes no match type
if exists :contains "from" { keep; }
