# RFC 5435 5: The test notify_method_capability needs its keys
require "enotify";
if notify_method_capability "mailto:a@example.com" "online" { keep; }
