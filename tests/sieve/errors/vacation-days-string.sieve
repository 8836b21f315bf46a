# RFC 5230 4: The argument of :days is a number
require "vacation";
vacation :days "7" "gone";
