# RFC 5228 2.6.2: Tagged arguments must appear before positional arguments
if header "subject" :is "x" { keep; }
