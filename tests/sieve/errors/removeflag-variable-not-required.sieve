# RFC 5232 1: A variable name needs the variables extension: removeflag
require "imap4flags";
removeflag "a" "\\Seen";
