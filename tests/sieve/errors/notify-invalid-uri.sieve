# RFC 5435 3.2: Invalid URI syntax is an error: address
require "enotify";
notify "mailto:ann@@example.com";
