# RFC 6009: The tag :bytimerelative needs its require
redirect :bytimerelative 600 "ann@example.com";
