# RFC 5228 2.10.6: an error stops the script
require "ihave";
if true {
    error "the reason";
}
discard;
