# RFC 5228 2.10.5: Pipe needs its require
pipe "program";
