# RFC 5228 5.9: Size takes one limit
if size :over 1 2 { keep; }
