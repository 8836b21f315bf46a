# RFC 5429 2.4: More than one reject must be prohibited
require "reject";
reject "no";
reject "never";
