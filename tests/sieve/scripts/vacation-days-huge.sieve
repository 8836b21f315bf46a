# RFC 5230 4.1: more than the maximum
require "vacation";
vacation :days 2147483647 "gone";
