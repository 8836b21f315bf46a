# RFC 5490 3.1: The mailboxexists test needs its require
if mailboxexists "A" { keep; }
