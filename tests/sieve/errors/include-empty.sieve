# RFC 6609 3.2: Script names are restricted: not empty
require "include";
include "";
