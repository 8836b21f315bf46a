# RFC 5229 4.1: Two modifiers of precedence 30 are an error
require "variables";
set :lowerfirst :upperfirst "a" "x";
