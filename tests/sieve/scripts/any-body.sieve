# RFC 5173 4: a message that consists of a header only
require "body";
if anyof (body :raw :contains "", body :raw :is "", body :text :contains "", body :content "text" :contains "",
          body :content "" :contains "") {
    keep;
}
