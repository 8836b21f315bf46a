# RFC 5228 8.2: A closing brace needs its block
keep;
}
