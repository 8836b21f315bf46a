# RFC 5463 3: The ihave test needs its require
if ihave "fileinto" { keep; }
