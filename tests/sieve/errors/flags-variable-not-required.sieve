# RFC 5232 1: A variable name needs the variables extension: setflag
require "imap4flags";
setflag "a" "\\Seen";
