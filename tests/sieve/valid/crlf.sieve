# RFC 5228 2.2: newlines are CRLF
require ["fileinto", "reject"];
if header :is "subject" "never" {
    reject text:
no
.
    ;
}
fileinto "Crlf"; # the end
