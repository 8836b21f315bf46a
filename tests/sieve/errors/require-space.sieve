# RFC 5228 6: A capability string is taken as it is
require "fileinto ";
keep;
