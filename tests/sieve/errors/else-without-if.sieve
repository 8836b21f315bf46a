# RFC 5228 3.1: An else must follow an if or elsif
else { keep; }
