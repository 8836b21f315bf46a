# RFC 5228 6: Capability strings are case-sensitive
require "FileInto";
keep;
