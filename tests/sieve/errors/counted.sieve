# Where no command can begin the rest is not read: one mistake, and the one that says that the script is refused.
keep;;
frobnicate;
keep "a", "b";
