# RFC 5228 3.3: stop ends all processing
require "fileinto";
fileinto "Before";
if true {
    if true {
        stop;
    }
    discard;
}
redirect "after@example.com";
keep;
