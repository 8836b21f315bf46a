# RFC 5228 3.1: An elsif must follow an if or elsif
elsif true { keep; }
