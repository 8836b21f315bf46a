# RFC 5293 3: Addheader needs its require
addheader "X-A" "b";
