# RFC 5228 2.4.1: Only integers are permitted
if size :over 1.5K { keep; }
