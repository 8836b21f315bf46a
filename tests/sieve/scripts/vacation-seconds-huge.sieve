# RFC 6131 2: up to 2**31
require ["vacation", "vacation-seconds"];
vacation :seconds 2147483647 "gone";
