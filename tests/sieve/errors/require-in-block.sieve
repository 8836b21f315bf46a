# RFC 5228 3.2: A require in a block comes after another command
if true {
    require "fileinto";
}
