# RFC 5228 2.4.2.2: syntactically invalid header names in tests are no error
if anyof (exists "a b", exists "", exists "from:", header :contains "" "", header :contains ["é", "a:b"] "",
          exists "a
b") {
    discard;
}
keep;
