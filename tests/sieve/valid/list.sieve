# RFC 6134: the match type :list
require ["extlists", "envelope"];
if header :list "from" "tag:example.com,2009-05-28:somebody" {
    discard;
}
if address :domain :list "from" "tag:example.com,2009-05-28:somewhere" {
    discard;
}
if envelope :list "from" "tag:example.com,2009-05-28:somebody" {
    discard;
}
