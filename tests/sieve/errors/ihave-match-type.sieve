# RFC 5463 4: The ihave test takes no match type
require "ihave";
if ihave :is "fileinto" { keep; }
