# RFC 5435 3.4: The importance is "1", "2" or "3"
require "enotify";
notify :importance "4" "mailto:ann@example.com";
