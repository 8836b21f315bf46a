# RFC 6609 3.3: including the appropriate keep
require "include";
return;
discard;
