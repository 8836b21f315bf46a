# RFC 5228 8.2: No comma follows the last string
if exists ["from",] { keep; }
