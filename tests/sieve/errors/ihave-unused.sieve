# RFC 5463 4: An extension cannot be used before a successful ihave
require "ihave";
fileinto "A";
if ihave "fileinto" { keep; }
