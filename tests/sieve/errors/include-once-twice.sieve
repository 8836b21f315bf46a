# RFC 5228 2.6: The tag :once is given once
require "include";
include :once :once "plain";
