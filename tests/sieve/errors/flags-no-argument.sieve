# RFC 5232 3.1: Setflag needs its list of flags
require "imap4flags";
setflag;
