# RFC 5228 3.2: Require takes a list of capabilities
require;
keep;
