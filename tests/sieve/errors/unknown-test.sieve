# RFC 5228 2.10.6: An unknown test is an error
if frobnicated { keep; }
