# RFC 5232 3: the current value of the internal variable is used
require ["imap4flags", "fileinto", "mailbox"];
setflag "\\Seen";
fileinto :create "Internal1";
addflag "\\Flagged";
fileinto :create "Internal2";
fileinto :create :flags "$Own" "Internal3";
