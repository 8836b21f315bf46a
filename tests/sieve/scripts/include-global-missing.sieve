# RFC 6609 3.2: a personal script is no global one
require "include";
include :global "level3";
