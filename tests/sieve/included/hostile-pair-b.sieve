# includes the first
require "include";
include "hostile-pair-a";
