# RFC 5228 3.3: stop within a loop
require "foreverypart";
foreverypart {
    keep;
    stop;
}
discard;
