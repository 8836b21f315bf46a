# RFC 5228 2.6.2: The tag of size precedes the limit
if size 100 :over { keep; }
