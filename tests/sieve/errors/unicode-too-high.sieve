# RFC 5228 2.4.2.4: ${unicode:200000} is an error
require "encoded-character";
if header "subject" "${unicode:200000}" { keep; }
