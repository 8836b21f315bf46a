# section 4: nested quantifiers on a value that does not match
require "regex";
if header :regex "x-as" ["^(a+)+$", "^(a|aa)+$", "^(a*)*b$"] {
    discard;
}
