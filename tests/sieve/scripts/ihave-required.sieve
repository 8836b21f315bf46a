# RFC 5463 4: an extension in both
require ["ihave", "variables", "fileinto"];
if allof (ihave "fileinto", ihave "variables") {
    keep;
}
