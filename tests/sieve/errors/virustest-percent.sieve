# RFC 5235 3.3: The virustest test takes no :percent
require ["spamtestplus", "virustest"];
if virustest :percent "1" { keep; }
