# RFC 5228 2.4.2.4: no error for an out-of-range value unless the sequence is well-formed
require "encoded-character";
if not header "subject" ["${unicode:200000", "${unicode:200000 x}", "${unicode:d800,41}", "${unicode}",
                         "${unicode:}", "${hex:}", "${hex:zz}", "${hex", "${", "$", "${unicode:-1}"] {
    keep;
}
