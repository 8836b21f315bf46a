# RFC 5228 3.1: An elsif does not follow an else
if false { keep; } else { keep; } elsif true { keep; }
