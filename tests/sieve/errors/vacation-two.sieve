# RFC 5230 4.7: A script must fail that executes two vacation actions
require "vacation";
vacation "gone";
vacation "away";
