# RFC 5293 4: a value that is more than a line is an error or is encoded
require ["editheader", "variables"];
set "value" "one
X-Injected: two";
addheader "X-Value" "${value}";
if exists "x-injected" {
    discard;
}
