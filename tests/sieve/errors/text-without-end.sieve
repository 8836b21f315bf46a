# RFC 5228 8.1: A multi-line string needs its period
require "reject";
reject text:
no end
