# RFC 5235 3.2: The spamtest test takes one value
require "spamtest";
if spamtest ["1", "2"] { keep; }
