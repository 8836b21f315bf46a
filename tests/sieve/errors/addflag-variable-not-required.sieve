# RFC 5232 1: A variable name needs the variables extension: addflag
require "imap4flags";
addflag "a" "\\Seen";
