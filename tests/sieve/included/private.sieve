# RFC 6609 3.4: variables are private to a script
require ["variables", "fileinto"];
if not string "${a}" "" {
    fileinto "Visible";
}
set "a" "changed";
set "b" "new";
