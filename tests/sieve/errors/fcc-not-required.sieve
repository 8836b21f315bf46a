# RFC 8580: The tag :fcc needs its require
require "vacation";
vacation :fcc "Sent" "gone";
