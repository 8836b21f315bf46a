# RFC 5228 5.9: Exactly one of :over and :under must be specified: none
if size 100 { keep; }
