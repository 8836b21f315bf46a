# RFC 5229 4: variables are only visible to the currently running script
require "variables";
if string "${visible}" "" {
    set "visible" "no";
    keep;
}
