# RFC 6009 6: The tag :bytimerelative needs its require
redirect :bytimerelative 600 "ann@example.com";
