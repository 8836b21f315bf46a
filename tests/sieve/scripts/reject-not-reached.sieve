# RFC 5429 2.4: the execution of more than one reject is prohibited, not its use in several branches
require ["reject", "vacation"];
if false {
    reject "one";
} elsif false {
    reject "two";
} elsif false {
    vacation "gone";
}
keep;
