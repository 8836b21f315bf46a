# RFC 8580 3.1: "the corresponding extension MUST be enabled".
require ["vacation", "fcc"];
vacation :fcc "A" :create "gone";
