# RFC 5703 7: The argument of :first is a number
require ["extracttext", "foreverypart", "variables"];
foreverypart { extracttext :first "10" "a"; }
