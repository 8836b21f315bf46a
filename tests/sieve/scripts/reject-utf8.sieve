# RFC 5429 2.2: the reason is UTF-8
require "reject";
reject "Ich nehme keine Post an: Grüße";
