# RFC 5228 2.10.5: Redirect knows :copy only where copy is required
redirect :copy "ann@example.com";
