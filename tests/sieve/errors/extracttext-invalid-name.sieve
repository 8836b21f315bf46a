# RFC 5703 7: The name of the variable is valid
require ["extracttext", "foreverypart", "variables"];
foreverypart { extracttext "a-b"; }
