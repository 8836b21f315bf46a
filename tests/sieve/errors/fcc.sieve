# RFC 8580 3, 3.1: each line has one error.
require ["vacation", "fcc", "mailbox", "special-use", "imap4flags", "enotify"];
vacation :fcc "A" :fcc "B" "gone";
vacation :fcc "A" :create :create "gone";
vacation :create "gone";
vacation :flags "\\Seen" "gone";
vacation :specialuse "\\Sent" "gone";
notify :fcc "" "mailto:ken@example.com";
vacation :fcc ["A", "B"] "gone";
