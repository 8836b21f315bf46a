# RFC 7352 3.4: The duplicate test takes no :index
require ["duplicate", "index"];
if duplicate :index 1 :header "x-id" { keep; }
