# RFC 5183 3: The environment test needs its require
if environment "name" "x" { keep; }
