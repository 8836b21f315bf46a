# RFC 5232 1: the extension can be used without variables
require "imap4flags";
setflag "\\Seen";
addflag ["A", "B C"];
removeflag "B";
if allof (hasflag "\\Seen", hasflag "C", not hasflag "B") {
    keep;
}
