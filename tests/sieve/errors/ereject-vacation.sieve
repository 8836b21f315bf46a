# RFC 5429 2.4: Ereject must be incompatible with vacation
require ["vacation", "ereject"];
ereject "no";
vacation "gone";
