# RFC 6009: The part "notify" of the envelope needs its require
require "envelope";
if envelope "notify" "NEVER" { keep; }
keep;
