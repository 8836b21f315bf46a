# RFC 5435 3.2: Invalid URI syntax is an error: percent
require "enotify";
notify "mailto:ann@example.com?subject=%zz";
