# RFC 5228 2.6.2: No tag follows the last positional argument
if header "subject" "x" :is { keep; }
