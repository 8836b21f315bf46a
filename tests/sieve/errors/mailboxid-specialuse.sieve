# RFC 9042 4.2, 5: each line has one error.
require ["mailboxid", "special-use", "fileinto", "fcc", "enotify", "vacation"];
fileinto :mailboxid "F1" :specialuse "\\Junk" "A";
notify :fcc "Sent" :specialuse "\\Sent" :mailboxid "F1" "mailto:ken@example.com";
vacation :mailboxid "F1" "gone";
