# RFC 5228 8.1: An identifier holds no dash
ke-ep;
