# RFC 5228 8.2: A list needs its closing bracket
if exists ["from", "to" { keep; }
