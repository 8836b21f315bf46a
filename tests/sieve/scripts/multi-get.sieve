# multiscript: one of a sequence
require ["variables", "fileinto"];
if not string "${a}${1}" "" {
    fileinto "First";
}
