# RFC 5232 3: the internal variable also applies to the implicit keep
require "imap4flags";
setflag ["\\Seen", "$Implicit"];
addflag "\\Answered";
removeflag "\\Seen";
