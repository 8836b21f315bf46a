# RFC 5235 3.3: The virustest test needs its require
if virustest "1" { keep; }
