# RFC 5463 4: extensions that are not there
require "ihave";
if ihave "frobnicate" {
    frobnicate :hard "x" 7 {
        stop;
    }
} elsif allof (ihave "frobnicated", frobnicated "y") {
    discard;
} else {
    keep;
}
