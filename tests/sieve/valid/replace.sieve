# RFC 5703 5: a mailbox-list.
require "replace";
replace :from "a@example.com" "x";
replace :from "Tim <tim@example.com>" "x";
replace :from "Tim (x) <tim@example.com>, \"Tom, T.\" <tom@example.com>" "x";
