# RFC 5228 2.7.3: It is an error to give more than one comparator
if header :comparator "i;octet" :comparator "i;octet" "subject" "x" { keep; }
