# RFC 5228 2.9: A test with arguments is no command
header :is "subject" "x";
