# RFC 3339 5.6: date-time.
require ["redirect-deliverby", "copy"];
redirect :copy :bytimeabsolute "2010-02-25T12:00:00-08:00" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-25T12:00:00Z" "a@example.com";
redirect :copy :bytimeabsolute "2010-02-25T12:00:00.123Z" "a@example.com";
redirect :copy :bytimeabsolute "2016-12-31T23:59:60Z" "a@example.com";
redirect :copy :bytimeabsolute "2012-02-29T23:59:59+00:30" "a@example.com";
