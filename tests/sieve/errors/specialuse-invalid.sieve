# RFC 6154 6: use-attr = "\\" atom; each line has one error.
require ["special-use", "fileinto"];
fileinto :specialuse "Junk" "A";
fileinto :specialuse "\\Ju nk" "A";
if specialuse_exists "\\" { keep; }
fileinto :specialuse ["\\Junk"] "A";
