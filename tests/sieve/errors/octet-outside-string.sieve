# RFC 5228 2.1: Outside of strings and comments the language is limited to US-ASCII
kéep;
