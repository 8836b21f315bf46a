# RFC 8579 4.2, 6.
require "fileinto";
require "special-use";
require "mailbox";
fileinto :specialuse "\\Archive" "INBOX/Archive";
fileinto :specialuse "\\Junk" "Spam";
fileinto :specialuse "\\Junk" :create "Spam";
if specialuse_exists "INBOX" "\\Junk" {
    redirect "spam-report@example.org";
}
