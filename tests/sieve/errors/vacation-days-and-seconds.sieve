# RFC 6131 2: Both :days and :seconds are an error
require "vacation-seconds";
vacation :days 7 :seconds 600 "gone";
