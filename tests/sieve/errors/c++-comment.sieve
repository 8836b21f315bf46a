# RFC 5228 2.3: Two slashes are no comment
// no comment
keep;
