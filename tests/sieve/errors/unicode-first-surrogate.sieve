# RFC 5228 2.4.2.4: D800 is an error
require "encoded-character";
if header "subject" "${unicode:d800}" { keep; }
