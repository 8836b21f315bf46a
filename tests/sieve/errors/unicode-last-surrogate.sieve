# RFC 5228 2.4.2.4: DFFF is an error
require "encoded-character";
if header "subject" "${unicode:DFFF}" { keep; }
