# RFC 5228 2.6: The tag :header is given once
require "duplicate";
if duplicate :header "x-a" :header "x-b" { keep; }
