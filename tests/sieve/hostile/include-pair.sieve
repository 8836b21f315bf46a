# Two that include one another.
require "include";
include "hostile-pair-a";
