# RFC 5703 4.1: Two options of :mime conflict
require "mime";
if header :mime :type :subtype "content-type" "text" { keep; }
