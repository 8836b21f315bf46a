# RFC 5435 3.2: An unsupported scheme is an error at run time
require "enotify";
notify "frobnicate:ann@example.com";
