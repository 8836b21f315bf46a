# RFC 5228 2.4.2.4: unicode-hex = 1*HEXDIG: any number of digits
require "encoded-character";
if header "x-at" "${unicode:0000000000000000000000000000000000000000000000000000000000040}" {
    keep;
}
