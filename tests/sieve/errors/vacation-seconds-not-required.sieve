# RFC 6131 2: The tag :seconds needs its require
require "vacation";
vacation :seconds 600 "gone";
