# RFC 5228 2.7.3: An unknown comparator is an error
if header :comparator "i;elbonia" "subject" "x" { keep; }
