# RFC 5228 2.4.2.4: ${Unicode:DF01} is an error
require "encoded-character";
if header "subject" "${Unicode:DF01}" { keep; }
