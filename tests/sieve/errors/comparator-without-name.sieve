# RFC 5228 2.7.3: The comparator option is followed by a string
if header :comparator :is "subject" "x" { keep; }
