# RFC 5228 2.4.2.4: the examples of invalid encodings
require "encoded-character";
if allof (header "x-open" "${hex:40", header "x-long" "${hex:400}", header "x-space" "${ unicode:40}",
          header "x-cool" "${Unicode:Cool}") {
    keep;
}
