# RFC 9042 5: The test mailboxidexists needs its require
if mailboxidexists "F1" { keep; }
