# RFC 5463 5: only an error that is executed is one
require "ihave";
if false {
    error "never";
}
keep;
