# RFC 7352 3: no duplicate of the same execution
require "duplicate";
if duplicate { discard; }
if duplicate { discard; }
if duplicate :uniqueid "x" { discard; }
if duplicate :uniqueid "x" { discard; }
