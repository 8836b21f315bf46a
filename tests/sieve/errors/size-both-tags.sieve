# RFC 5228 5.9: Exactly one of :over and :under must be specified: both
if size :over :under 100 { keep; }
