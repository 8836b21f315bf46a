# RFC 5232 1: Flag actions need their require
setflag "\\Seen";
