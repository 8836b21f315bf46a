# RFC 5230 4: Vacation needs its reason
require "vacation";
vacation;
