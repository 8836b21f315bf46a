# RFC 5463 4: none of the capabilities are enabled
require "ihave";
if not ihave ["fileinto", "frobnicate"] {
    fileinto "A";
}
