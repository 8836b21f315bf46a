# RFC 5229 6: a value that grows beyond what is supported is truncated and no error
require "variables";
set "a" "0123456789abcdef";
set "a" "${a}${a}${a}${a}${a}${a}${a}${a}";
set "a" "${a}${a}${a}${a}${a}${a}${a}${a}";
set "a" "${a}${a}${a}${a}${a}${a}${a}${a}";
set "a" "${a}${a}${a}${a}${a}${a}${a}${a}";
set "a" "${a}${a}${a}${a}${a}${a}${a}${a}";
if string :matches "${a}" "0123456789abcdef*" {
    keep;
}
