# RFC 5228 8.2: A block needs its closing brace
if true {
    keep;
