# RFC 5429 2.2: Reject needs its reason
require "reject";
reject;
