# RFC 6009: The tag :notify of redirect needs its require
redirect :notify "NEVER" "ann@example.com";
