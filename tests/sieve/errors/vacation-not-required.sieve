# RFC 5230 3: Vacation needs its require
vacation "gone";
