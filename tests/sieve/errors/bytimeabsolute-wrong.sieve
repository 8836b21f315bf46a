# RFC 3339 5.6, 5.7: each line has one error.
require ["redirect-deliverby", "copy"];
redirect :copy :bytimeabsolute "2010-2-5T1:2:3Z" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-25 12:00:00Z" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-25T12:00:00" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-25T12:00:00+ab:cd" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-30T12:00:00Z" "a@example.com";
redirect :copy :bytimeabsolute "2010-13-01T12:00:00Z" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-25T24:00:00Z" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-25T12:00:00.Z" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-25T12:00:00+25:00" "a@example.com";
