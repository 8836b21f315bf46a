# RFC 5228 2.4.2.4: One wrong number among good ones is an error
require "encoded-character";
if header "subject" "${unicode:40 D900 41}" { keep; }
