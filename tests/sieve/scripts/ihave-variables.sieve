# RFC 5463 4: ihave fails for extensions that change how the script is interpreted
require "ihave";
if anyof (ihave "variables", ihave "encoded-character", ihave ["fileinto", "variables"]) {
    discard;
} else {
    keep;
}
