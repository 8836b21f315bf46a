# RFC 5260 6: Specifying :last without :index is an error: header
require "index";
if header :last "subject" "x" { keep; }
