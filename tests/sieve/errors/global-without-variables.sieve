# RFC 6609 3.4.1: Global needs the variables extension
require "include";
global "a";
