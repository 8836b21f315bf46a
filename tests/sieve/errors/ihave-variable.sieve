# RFC 5463 4: The capabilities of ihave are constant
require ["ihave", "variables"];
set "a" "fileinto";
if ihave "${a}" { keep; }
keep;
