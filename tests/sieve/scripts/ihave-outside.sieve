# RFC 5463 4: an extension used outside of the block of its ihave
require "ihave";
if not ihave ["fileinto", "copy"] {
    stop;
}
fileinto :copy "A";
