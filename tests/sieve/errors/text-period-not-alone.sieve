# RFC 5228 8.1: The period stands alone on its line
require "reject";
reject text:
no
. ;
