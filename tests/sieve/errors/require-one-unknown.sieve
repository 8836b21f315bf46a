# RFC 5228 2.10.5: One unknown capability in a list is an error
require ["fileinto", "frobnicate"];
keep;
