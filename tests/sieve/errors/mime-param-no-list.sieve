# RFC 5703 4.1: The option :param needs its names
require "mime";
if header :mime :param :is "content-type" "text" { keep; }
