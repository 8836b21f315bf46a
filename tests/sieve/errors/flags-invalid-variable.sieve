# RFC 5232 3: The variable name is valid
require ["imap4flags", "variables"];
setflag "a-b" "\\Seen";
