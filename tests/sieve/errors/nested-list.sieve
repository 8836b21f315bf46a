# RFC 5228 8.2: A list holds no lists
if exists ["from", ["to"]] { keep; }
