# RFC 5435 3.1: Notify needs its method
require "enotify";
notify;
