# RFC 5230 4: The reason is one string
require "vacation";
vacation ["gone", "away"];
