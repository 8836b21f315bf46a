# RFC 5703 7: Extracttext needs its require
require ["foreverypart", "variables"];
foreverypart { extracttext "a"; }
