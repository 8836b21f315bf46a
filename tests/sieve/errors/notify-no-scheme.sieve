# RFC 5435 3.2: A method without scheme is an error
require "enotify";
notify "ann@example.com";
