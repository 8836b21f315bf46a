# RFC 5429 2.1: Ereject needs its own require
require "reject";
ereject "no";
