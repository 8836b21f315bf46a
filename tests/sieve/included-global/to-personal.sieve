# RFC 6609 3.2: from a global script to a personal one: personal is the default there too
require "include";
include "level3";
