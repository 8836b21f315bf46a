# RFC 5703 5: Replace needs its require
replace "text";
