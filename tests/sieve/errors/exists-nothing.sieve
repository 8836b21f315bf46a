# RFC 5228 5.5: The exists test needs header names
if exists { keep; }
