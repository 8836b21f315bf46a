# RFC 5429 2.4: More than one ereject must be prohibited
require "ereject";
ereject "no";
ereject "never";
