# RFC 5260 6: Specifying :last without :index is an error: address
require "index";
if address :last "from" "x" { keep; }
