# RFC 5228 3.2: Require takes strings
require 1;
keep;
