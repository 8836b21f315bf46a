# RFC 5228 5.9: Size needs its limit
if size :over { keep; }
