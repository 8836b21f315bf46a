# RFC 5463 4: An extension that ihave did not find cannot be used
require "ihave";
if not ihave "frobnicate" { frobnicate; }
