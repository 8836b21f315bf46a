# RFC 5228 2.4.2.2: syntactically invalid header names in tests are no error and match no header
if anyof (exists "a b", exists "", exists "from:", exists " subject", exists "sübject", exists ["subject", "a:b"],
          header :contains "" "", header :contains ["é", "a:b", "From:", "sub ject"] "", exists "a
b") {
    discard;
}
if header :contains ["a b", "subject"] "present" {
    keep;
}
