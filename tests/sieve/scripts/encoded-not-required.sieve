# RFC 5228 2.10.5: without require the sequences are as any other text
if allof (header "x-nested" "${hex:40}", not header "x-at" "${hex:40}", not header "x-at" "${unicode:200000}") {
    keep;
}
