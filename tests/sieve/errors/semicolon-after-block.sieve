# RFC 5228 2.6.4: Commands that end with a block do not end with semicolons
if true { keep; };
