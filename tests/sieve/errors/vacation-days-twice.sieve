# RFC 5228 2.6: The tag :days is given once
require "vacation";
vacation :days 7 :days 8 "gone";
