# RFC 5228 8.2: A list holds strings only
if exists [1, 2] { keep; }
