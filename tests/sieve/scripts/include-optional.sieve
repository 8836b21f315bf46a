# RFC 6609 3.2: :optional: as if the command had not been present
require "include";
include :optional "no-such-script";
include :once :optional :global "no-such-script";
include :optional "level3";
