# RFC 6609 3.5: changes of the header go both ways
require ["editheader", "variables", "include"];
global "seen";
if exists "x-removed" {
    set "seen" "removed";
}
if not header "x-added" "outside" {
    set "seen" "${seen} not added";
}
deleteheader "x-added";
addheader "X-Inside" "yes";
