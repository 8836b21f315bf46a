# RFC 5463 4: The capabilities of ihave are strings
require "ihave";
if ihave 1 { keep; }
