# RFC 5228 2.10.5: without require a reference is as any other text, an unknown namespace too
if allof (header "x-reference" "${company}", not header "x-reference" ["${a.b}", "${99999999999999999999}"]) {
    keep;
}
