# RFC 5235 3.2: The tag :percent needs spamtestplus
require "spamtest";
if spamtest :percent "1" { keep; }
