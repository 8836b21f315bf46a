# RFC 6131 2: vacation-seconds implies vacation; 0 is accepted
require "vacation-seconds";
vacation :seconds 0 "gone";
