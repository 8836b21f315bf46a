# RFC 5429 2.2: The reason of reject is one string
require "reject";
reject ["no", "never"];
