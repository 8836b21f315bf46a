# RFC 5228 5.9: Exactly one of :over and :under must be specified: twice
if size :over :over 100 { keep; }
