# RFC 5228 2.10.6: an error after the implicit keep was cancelled
require "ihave";
discard;
error "deliberate";
