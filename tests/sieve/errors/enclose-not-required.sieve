# RFC 5703 6: Enclose needs its require
enclose :subject "x" "text";
