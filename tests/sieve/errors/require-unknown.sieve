# RFC 5228 2.10.5: An unknown capability is an error
require "frobnicate";
keep;
