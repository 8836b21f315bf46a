# A script that includes itself.
require "include";
include "hostile-itself";
