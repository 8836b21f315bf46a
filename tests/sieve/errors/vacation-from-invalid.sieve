# RFC 5230 4.3: A syntactically invalid :from is an error
require "vacation";
vacation :from "not an address" "gone";
