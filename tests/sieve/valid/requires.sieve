# RFC 5228 3.2: require may stand several times and name an extension again
require "fileinto";
require ["fileinto", "copy"];
/* comments are white space */
require ["envelope"];
REQUIRE "variables";
fileinto :copy "A";
