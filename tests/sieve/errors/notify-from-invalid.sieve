# RFC 5435 3.3: A syntactically invalid :from of notify is an error
require "enotify";
notify :from "not an address" "mailto:ann@example.com";
