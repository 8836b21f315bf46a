# RFC 5228 2.4.2: Bracketed comments are not allowed after "text:"
require "reject";
reject text: /* here */
no
.
;
