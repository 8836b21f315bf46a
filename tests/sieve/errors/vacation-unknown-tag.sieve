# RFC 5230 4: Vacation knows no other tags
require "vacation";
vacation :hours 7 "gone";
