# RFC 5228 8.1: No space parts "text" from its colon
require "reject";
reject text :
no
.
;
