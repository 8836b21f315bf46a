# RFC 9042: The test mailboxidexists needs its require
if mailboxidexists "F1" { keep; }
