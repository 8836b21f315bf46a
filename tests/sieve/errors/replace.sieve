# RFC 5703 5: each line has one error.
require "replace";
replace :from "nobody" "x";
replace :from "" "x";
replace :from "friends: a@example.com;" "x";
replace :from "a@example.com b@example.com" "x";
replace :mime :from "a@example.com" "x";
replace :mime :subject "a" "x";
replace ["a", "b"];
