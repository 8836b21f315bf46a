# RFC 5228 8.2: A semicolon alone is no command
keep;;
