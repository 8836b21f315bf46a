# RFC 5228 2.6: The tag :index is given once
require "index";
if header :index 1 :index 2 "subject" "x" { keep; }
