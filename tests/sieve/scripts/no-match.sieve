# RFC 5229 3.2: the list is empty if no match has been successful
require "variables";
if string :matches "a" "b*" {
    discard;
}
if string "${0}${1}${2}${9}" "" {
    keep;
}
