# RFC 6609 3.2: The location must not be specified more than once
require "include";
include :personal :global "plain";
