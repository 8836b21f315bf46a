# RFC 6134: The match type :list needs its require
if header :list "from" "tag:example.com,2009-05-28:friends" { keep; }
