# RFC 5229 4.1: Two modifiers of precedence 40 are an error
require "variables";
set :lower :upper "a" "x";
