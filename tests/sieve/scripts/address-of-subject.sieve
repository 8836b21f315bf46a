# RFC 5228 5.1: the address test is restricted to headers that contain addresses
if address :contains "subject" "somebody" {
    keep;
}
