# RFC 7352 3.1: Both :header and :uniqueid must trigger an error
require "duplicate";
if duplicate :header "x-id" :uniqueid "y" { keep; }
