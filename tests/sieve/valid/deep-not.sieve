# RFC 5228 5.8: not takes some other test, also another not
if not not not not not not not not not not not not not not true {
    keep;
}
