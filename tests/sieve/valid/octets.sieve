# RFC 5228 2.4.2: strings of any octets ÿþ in comments too
if header :is "subject" "ÿþ€" {
    discard;
}
keep;
