# RFC 5429 2.2: Reject needs its require
reject "no";
