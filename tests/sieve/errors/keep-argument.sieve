# RFC 5228 4.3: Keep takes no argument
keep "INBOX";
