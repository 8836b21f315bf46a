# RFC 5703 3.1: The loop needs its block
require "foreverypart";
foreverypart;
