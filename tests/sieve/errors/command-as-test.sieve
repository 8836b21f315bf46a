# RFC 5228 2.9: An action is no test
if keep { discard; }
