# RFC 5228 2.4.1: integers up to 2147483647 must be supported
if size :over 2147483647 {
    discard;
}
if size :under 2147483647 {
    keep;
}
