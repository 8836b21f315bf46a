# RFC 9042 4, 5, 6, 7.
require "fileinto";
require "mailboxid";
require "mailbox";
require ["enotify", "fcc", "variables"];
if header :contains ["from"] "coyote" {
    fileinto :mailboxid "F6352ae03-b7f5-463c-896f-d8b48ee3"
             "INBOX.harassment";
}
fileinto :mailboxid "Fnosuch"
         :create
         "INBOX.no-such-folder";
notify :fcc "INBOX.Sent"
       :mailboxid "F6352ae03-b7f5-463c-896f-d8b48ee3"
       :message "You got mail!"
       "mailto:ken@example.com";
set "id" "F6352ae03-b7f5-463c-896f-d8b48ee3";
if header :contains ["from"] "coyote" {
    if mailboxidexists "${id}" {
        fileinto :mailboxid "${id}"
                            "INBOX.name.will.not.be.used";
    } else {
        fileinto "INBOX.harassment";
    }
}
