# RFC 5703 3, 7: each line has one error.
require ["foreverypart", "extracttext", "variables"];
foreverypart { break :name "none"; }
foreverypart :name "a" { foreverypart { break :name "A"; } }
foreverypart "a" { keep; }
break;
extracttext "text";
