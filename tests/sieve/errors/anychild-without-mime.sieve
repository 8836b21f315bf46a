# RFC 5703 4.1: "the presence of the ':anychild' in absence of ':mime' is an error"; each line has one.
require "mime";
if header :anychild "content-type" "x" { keep; }
if address :anychild "from" "x" { keep; }
if exists :anychild "from" { keep; }
if header :type "content-type" "x" { keep; }
if header :param "name" "content-type" "x" { keep; }
if header :mime :type :subtype "content-type" "x" { keep; }
if address :mime :type "from" "x" { keep; }
