# RFC 5260 6: The exists test takes no :index
require "index";
if exists :index 1 "subject" { keep; }
