# RFC 5228 2.4.2.4: A number that does not fit is no small one
require "encoded-character";
if header "subject" "${unicode:100000000000000040}" { keep; }
