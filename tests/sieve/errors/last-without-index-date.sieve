# RFC 5260 6: Specifying :last without :index is an error: date
require ["date", "index"];
if date :last "date" "hour" "1" { keep; }
