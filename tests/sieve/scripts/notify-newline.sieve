# RFC 5436 2.1: a header of the URI with a line end
require "enotify";
notify "mailto:ann@example.com?subject=a%0D%0AX-Injected:%20b&x-other=c%0AX-Injected:%20d";
