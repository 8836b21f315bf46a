# includes itself
require "include";
include "hostile-itself";
