# Doubles a string to 1 MiB and looks through it again and again: runs out of processor time, where that has a limit.
require "variables";

set "a" "xxxxxxxx";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
set "a" "${a}${a}";
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
if string :contains "${a}" "y" { stop; }
