# RFC 6134: The test valid_ext_list needs its require
if valid_ext_list "tag:example.com,2009-05-28:friends" { keep; }
