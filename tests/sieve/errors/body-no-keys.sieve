# RFC 5173 4: The body test needs its keys
require "body";
if body :raw { keep; }
