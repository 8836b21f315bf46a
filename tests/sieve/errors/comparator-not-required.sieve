# RFC 5228 2.7.3: A comparator not declared with require is an error
if header :is :comparator "i;ascii-numeric" "x-n" "1" { keep; }
