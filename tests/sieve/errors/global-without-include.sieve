# RFC 6609 3.4.1: Global needs the include extension
require "variables";
global "a";
