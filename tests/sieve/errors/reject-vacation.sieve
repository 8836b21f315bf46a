# RFC 5429 2.4: Reject must be incompatible with vacation
require ["vacation", "reject"];
reject "no";
vacation "gone";
