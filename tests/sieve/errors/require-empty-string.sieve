# RFC 5228 6.1: The empty string is no capability
require "";
keep;
