# RFC 5230 4.7: Vacation is incompatible with reject
require ["vacation", "reject"];
vacation "gone";
reject "no";
