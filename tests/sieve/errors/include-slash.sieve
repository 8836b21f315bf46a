# RFC 6609 3.2: Script names are restricted: no way out of the folder
require "include";
include "../included/plain";
