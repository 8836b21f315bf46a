# RFC 5463 4: The ihave test takes no comparator
require "ihave";
if ihave :comparator "i;octet" "fileinto" { keep; }
