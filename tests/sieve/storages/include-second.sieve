# A personal and a global script of the same name.
require "include";
include :personal "second";
include :global "second";
