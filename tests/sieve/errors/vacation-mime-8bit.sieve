# RFC 5230 5: Vacation with :mime and 8bit header material is rejected
require "vacation";
vacation :mime text:
Content-Type: text/plain; charset=utf-8
Subject: Grüße

gone
.
;
