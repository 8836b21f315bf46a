# RFC 5230 4.7: vacation does not affect the implicit keep
require "vacation";
vacation "I'm out";
