/* SPDX-License-Identifier: MIT
 *
 * What comes of a script and a message, and :matches with what it catches.
 */
#include <check.h>
#include <stdlib.h>

#include "sieve_case.h"

static const struct {
    const char *name, *script, *expected;
} table[] = {
    {"nothing said", "", "implicit keep"},
    {"keep", "keep;", "keep"},
    {"keep twice is one", "keep; keep;", "keep"},
    {"discard", "discard;", "discard"},
    {"keep beside discard", "discard; keep;", "discard; keep"},
    {"stop", "stop; discard;", "implicit keep"},
    {"fileinto", "require \"fileinto\"; fileinto \"Junk\";", "fileinto Junk"},
    {"a copy leaves the keep", "require [\"fileinto\",\"copy\"]; fileinto :copy \"Junk\";",
     "fileinto Junk copy; implicit keep"},
    {"into INBOX is keep", "require \"fileinto\"; fileinto \"inbox\"; keep;", "keep"},
    {"redirect", "redirect \"a@b.example\";", "redirect a@b.example"},
    {"redirect to one twice", "redirect \"a@b.example\"; redirect \"a@B.example\";",
     "redirect a@b.example"},
    {"local parts have case", "redirect \"a@b.example\"; redirect \"A@b.example\";",
     "redirect a@b.example; redirect A@b.example"},
    {"the fifth redirect fails and nothing is done",
     "redirect \"a@b.c\"; redirect \"b@b.c\"; redirect \"c@b.c\"; redirect \"d@b.c\"; "
     "redirect \"e@b.c\";",
     "failed: more than 4 redirects; implicit keep"},
    {"if", "if true { discard; } else { keep; }", "discard"},
    {"else", "if false { discard; } else { keep; }", "keep"},
    {"only the first that is true", "if false { } elsif true { discard; } elsif true { keep; }",
     "discard"},
    {"chains inside chains", "if true { if false { } else { discard; } } else { keep; }",
     "discard"},
    {"not", "if not false { discard; }", "discard"},
    {"allof", "if allof(true, false) { discard; }", "implicit keep"},
    {"anyof", "if anyof(false, true) { discard; }", "discard"},
    {"header is", "if header \"subject\" \"hello\" { discard; }", "discard"},
    {"octets have case", "if header :comparator \"i;octet\" \"subject\" \"hello\" { discard; }",
     "implicit keep"},
    {"each field of a name", "if header \"x-twice\" \"two\" { discard; }", "discard"},
    {"exists needs all", "if exists [\"subject\",\"none\"] { discard; }", "implicit keep"},
    {"address", "if address :domain \"from\" \"EXAMPLE.com\" { discard; }", "discard"},
    {"subaddress", "require \"subaddress\"; if address :detail \"to\" \"lists\" { discard; }",
     "discard"},
    {"envelope", "require \"envelope\"; if envelope \"from\" \"bob@example.com\" { discard; }",
     "discard"},
    {"count",
     "require [\"relational\",\"comparator-i;ascii-numeric\"]; if header :count \"eq\" :comparator "
     "\"i;ascii-numeric\" \"x-twice\" \"2\" { discard; }",
     "discard"},
    {"a size that is neither over nor under",
     "if size :over 1 { if size :under 1000 { discard; } }", "discard"},
    {"reject", "require \"reject\"; reject \"no\";", "reject no"},
    {"refused and kept contradict one another", "require \"reject\"; keep; reject \"no\";",
     "failed: a message cannot be refused and delivered; implicit keep"},
    {"a variable", "require [\"variables\",\"fileinto\"]; set \"a\" \"b\"; fileinto \"x.${A}\";",
     "fileinto x.b"},
    {"one that is not set is empty", "require [\"variables\",\"fileinto\"]; fileinto \"x${a}y\";",
     "fileinto xy"},
    {"a mailbox without a name fails", "require [\"variables\",\"fileinto\"]; fileinto \"${a}\";",
     "failed: '' is no name of a mailbox; implicit keep"},
    {"modifiers in their order",
     "require [\"variables\",\"fileinto\"]; set :lower :upperfirst \"a\" \"JUMBLED\"; fileinto "
     "\"${a}\";",
     "fileinto Jumbled"},
};

START_TEST(does_what_it_says)
{
    struct sieve_limits limits;
    struct buf out;

    sieve_limits_default(&limits);
    buf_init(&out, 65536);
    case_outcome(span_of(table[_i].script), SPAN(CASE_MESSAGE), &limits, &out);
    case_check(table[_i].name, &out, table[_i].expected);
    buf_release(&out);
}
END_TEST

/* ------------------------------------------------------------------ :matches */

static const struct {
    const char *name, *pattern, *value, *expected; /* "no" or what ${0} to ${3} caught */
} patterns[] = {
    {"a star takes all", "*", "abc", "[abc][abc][][]"},
    {"of nothing", "*", "", "[][][][]"},
    {"a question mark", "a?c", "abc", "[abc][b][][]"},
    {"is never nothing", "ab?", "ab", "no"},
    {"not two either", "a?", "abc", "no"},
    {"the whole must match", "ab", "abc", "no"},
    {"a star at the end", "a*", "abc", "[abc][bc][][]"},
    {"a star at the beginning", "*c", "abc", "[abc][ab][][]"},
    {"the shortest", "*-*", "a-b-c", "[a-b-c][a][b-c][]"},
    {"two stars", "**", "abc", "[abc][][abc][]"},
    {"the last piece is at the end", "*b", "abab", "[abab][aba][][]"},
    {"question marks behind a star", "*??", "abcd", "[abcd][ab][c][d]"},
    {"a star between question marks", "?*?", "abcd", "[abcd][a][bc][d]"},
    {"too short for both ends", "ab*bc", "abc", "no"},
    {"quoted", "\\\\*\\\\?", "*?", "[*?][][][]"},
    {"quoted does not match others", "\\\\*", "x", "no"},
    {"without case", "HEL*", "hello", "[hello][lo][][]"},
    {"what is caught keeps its case", "h*o", "HELLO", "[HELLO][ELL][][]"},
    {"an octet is a character", "?", "\xc3\xa4", "no"},
    {"and two are two", "??", "\xc3\xa4", "[\xc3\xa4][\xc3][\xa4][]"},
    {"like the RFC's example", "[*] *", "[acme-users] [fwd] version 1.0",
     "[[acme-users] [fwd] version 1.0][acme-users][[fwd] version 1.0][]"},
};

START_TEST(matches)
{
    struct sieve_limits limits;
    struct buf script, out, expected;

    sieve_limits_default(&limits);
    buf_init(&script, 65536);
    buf_init(&out, 65536);
    buf_init(&expected, 65536);
    buf_printf(&script,
               "require [\"variables\",\"reject\"]; if string :matches \"%s\" \"%s\" { reject "
               "\"[${0}][${1}][${2}][${3}]\"; } else { reject \"no\"; }",
               patterns[_i].value, patterns[_i].pattern);
    case_outcome(buf_span(&script), SPAN(CASE_MESSAGE), &limits, &out);
    buf_printf(&expected, "reject %s", patterns[_i].expected);
    case_check(patterns[_i].name, &out, buf_str(&expected));
    buf_release(&expected);
    buf_release(&out);
    buf_release(&script);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("sieve run");
    TCase *cases = tcase_create("sieve run");

    tcase_add_loop_test(cases, does_what_it_says, 0, COUNT(table));
    tcase_add_loop_test(cases, matches, 0, COUNT(patterns));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
