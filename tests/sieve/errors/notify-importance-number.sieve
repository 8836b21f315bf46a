# RFC 5435 3.4: The importance is a string
require "enotify";
notify :importance 1 "mailto:ann@example.com";
