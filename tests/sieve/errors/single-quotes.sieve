# RFC 5228 2.4.2: Single quotes make no string
redirect 'ann@example.com';
