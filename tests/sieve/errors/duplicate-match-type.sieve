# RFC 7352 3: The duplicate test takes no match type
require "duplicate";
if duplicate :is { keep; }
