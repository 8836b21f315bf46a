# RFC 5228 2.4.2.4: 110000 is an error
require "encoded-character";
if header "subject" "${unicode:110000}" { keep; }
