# RFC 6609 3.3: return stops this script alone
require ["include", "variables"];
global "state";
set "state" "before";
if true {
    return;
}
set "state" "after";
