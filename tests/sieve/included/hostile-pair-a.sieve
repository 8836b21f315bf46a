# includes the other
require "include";
include "hostile-pair-b";
