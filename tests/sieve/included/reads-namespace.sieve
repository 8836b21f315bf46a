# RFC 6609 3.4.2: the namespace global
require ["include", "variables"];
set "global.answer" "${global.question}!";
