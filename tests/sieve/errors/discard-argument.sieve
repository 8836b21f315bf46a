# RFC 5228 4.4: Discard takes no argument
discard "x";
