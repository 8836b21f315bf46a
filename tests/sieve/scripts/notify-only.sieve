# RFC 5435 7: notify does not cancel the implicit keep
require "enotify";
notify :message "m" "mailto:ann@example.com";
