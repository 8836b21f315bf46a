# RFC 6609 3.1: Return needs its require
return;
