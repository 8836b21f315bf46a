# RFC 5435 2: Notify needs its require
notify "mailto:ann@example.com";
