# RFC 5228 2.4.1: Only non-negative integers are permitted
if size :over -1 { keep; }
