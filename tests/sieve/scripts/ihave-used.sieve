# RFC 5463 4: an extension used after its ihave
require "ihave";
if ihave "fileinto" {
    fileinto "A";
} else {
    discard;
}
