# RFC 5232 3.1: Flags are strings
require "imap4flags";
addflag 1;
