# RFC 5228 5.10: True takes no argument
if true "x" { keep; }
