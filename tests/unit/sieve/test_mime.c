/* SPDX-License-Identifier: MIT
 *
 * RFC 5703: tests of MIME headers, loops, extracted text; what refuses a script.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define REQUIRE                                                                                    \
    "require [\"mime\", \"foreverypart\", \"extracttext\", \"variables\", \"fileinto\", "          \
    "\"relational\", \"index\", \"editheader\"]; "

static const char message[] = "From: Ann <ann@example.org>\n"
                              "Content-Type: multipart/mixed; boundary=b\n"
                              "X: one\n"
                              "\n"
                              "--b\n"
                              "Content-Type: text/plain; charset=utf-8\n"
                              "X: two\n"
                              "\n"
                              "gr\xc3\xbc\xc3\x9f dich\n"
                              "--b\n"
                              "Content-Type: application/zip; name=\"a.zip\"\n"
                              "Content-Disposition: Attachment; filename=a.zip\n"
                              "X: three\n"
                              "X: four\n"
                              "\n"
                              "PK\n"
                              "--b\n"
                              "Content-Type: text/plain; charset=x-none\n"
                              "\n"
                              "unknown\n"
                              "--b\n"
                              "Content-Type: text/plain; charset=utf-8\n"
                              "\n"
                              "\xff\xfe\n"
                              "--b\n"
                              "Content-Type: text/plain\n"
                              "Content-Transfer-Encoding: x-uuencode\n"
                              "\n"
                              "begin\n"
                              "--b--\n";

static const struct {
    const char *name, *script, *expected;
} cases[] = {
    {"values of all parts are counted",
     "if header :mime :anychild :count \"eq\" \"x\" \"4\" {discard;}", "discard"},
    {"index counts through the parts",
     "if header :mime :anychild :index 3 \"x\" \"three\" {discard;}", "discard"},
    {"a field without that element is empty",
     "if header :mime :anychild :subtype \"content-disposition\" \"\" {discard;}", "discard"},
    {"contenttype of a disposition is its type",
     "if header :mime :anychild :contenttype \"content-disposition\" \"attachment\" {discard;}",
     "discard"},
    {"the type of another field is empty", "if header :mime :type \"x\" \"\" {discard;}",
     "discard"},
    {"parameters of every field that has some",
     "if header :mime :anychild :param [\"a\", \"filename\"] :count \"eq\" "
     "[\"content-disposition\", \"content-type\"] \"1\" {discard;}",
     "discard"},
    {"no header, no value", "if header :mime :type \"content-disposition\" \"\" {discard;}",
     "(keep)"},
    {"a group or an unknown field with addresses",
     "if address :mime :all \"from\" \"ann@example.org\" {discard;}", "discard"},

    {"text of the parts, or nothing where it cannot be read",
     "set \"all\" \"\"; foreverypart {extracttext \"t\"; set \"all\" \"${all}<${t}>\";}"
     "fileinto \"${all}\";",
     "fileinto <><gr\xc3\xbc\xc3\x9f dich><><><><>"},
    {"the first characters",
     "foreverypart {if header \"x\" \"one\" {extracttext :first 3 \"t\";}"
     "if not string \"${t}\" \"\" {break;}} fileinto \"${t}\";",
     "fileinto gr\xc3\xbc"},
    {"none of them", "foreverypart {extracttext :first 0 \"t\";} fileinto \"<${t}>\";",
     "fileinto <>"},
    {"a loop in a part that holds nothing is passed over",
     "foreverypart {if header :mime :type \"content-type\" \"text\" {foreverypart {discard;}}}",
     "(keep)"},
    {"a loop within the message's own part has its children",
     "set \"n\" \"\"; foreverypart {foreverypart {set \"n\" \"${n}x\";} break;} fileinto \"${n}\";",
     "fileinto xxxxx"},
    {"a hidden name ends the inner loop",
     "set \"n\" \"\"; foreverypart :name \"a\" {set \"n\" \"${n}o\"; foreverypart :name \"a\" "
     "{set \"n\" \"${n}i\"; break :name \"a\";} } fileinto \"${n}\";",
     "fileinto oiooooo"},
    {"edits of the header do not stop a loop",
     "set \"n\" \"\"; foreverypart {addheader \"Y\" \"y\"; set \"n\" \"${n}x\";} fileinto "
     "\"${n}\";",
     "fileinto xxxxxx"},
    {"behind a loop there is no part", "foreverypart {} if header :mime \"x\" \"one\" {discard;}",
     "discard"},

    {"anychild alone", "if header :anychild \"x\" \"a\" {}", "refused 1: this tag needs ':mime'"},
    {"type alone", "if header :type \"x\" \"a\" {}", "refused 1: this tag needs ':mime'"},
    {"type of an address", "if address :mime :type \"from\" \"a\" {}",
     "refused 1: unknown tag ':type' of test 'address'"},
    {"type of exists", "if exists :mime :type \"from\" {}",
     "refused 1: unknown tag ':type' of test 'exists'"},
    {"two elements", "if header :mime :type :subtype \"x\" \"a\" {}",
     "refused 1: tag ':subtype' cannot stand beside ':type'"},
    {"parameters without names", "if header :mime :param :is \"x\" \"a\" {}",
     "refused 1: tag ':param' takes a string list"},
    {"break outside", "break;", "refused 1: 'break' stands outside of foreverypart"},
    {"break in an if outside", "if true {break;}",
     "refused 1: 'break' stands outside of foreverypart"},
    {"break by another name", "foreverypart :name \"a\" {break :name \"b\";}",
     "refused 1: there is no loop around this with the name 'b'"},
    {"break by the name of a loop that has none", "foreverypart {break :name \"\";}",
     "refused 1: there is no loop around this with the name ''"},
    {"names are constant", "foreverypart :name \"${a}\" {}",
     "refused 1: the name of a loop must be constant"},
    {"a loop without a block", "foreverypart;", "refused 1: 'foreverypart' needs a block: { ... }"},
    {"five loops", "foreverypart {foreverypart {foreverypart {foreverypart {foreverypart {}}}}}",
     "refused 1: more than 4 loops inside one another"},
    {"extracttext outside", "extracttext \"a\";",
     "refused 1: 'extracttext' stands outside of foreverypart"},
    {"extracttext into no variable", "foreverypart {extracttext \"a b\";}",
     "refused 1: 'a b' is no name of a variable"},
    {"first as a string", "foreverypart {extracttext :first \"1\" \"a\";}",
     "refused 1: tag ':first' takes a number"},
};

START_TEST(comes_to)
{
    char script[1024];

    snprintf(script, sizeof(script), REQUIRE "%s", cases[_i].script);
    char *outcome = script_outcome(NULL, script, span_of(message));
    ck_assert_msg(strcmp(outcome, cases[_i].expected) == 0, "%s: %s", cases[_i].name, outcome);
    free(outcome);
}
END_TEST

START_TEST(extracttext_needs_variables)
{
    char *outcome = script_outcome(
        NULL, "require [\"extracttext\", \"foreverypart\"]; foreverypart {extracttext \"a\";}",
        span_of(message));

    ck_assert_str_eq(outcome, "refused 1: command 'extracttext' needs: require \"variables\"");
    free(outcome);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve mime");
    TCase *t = tcase_create("RFC 5703");
    SRunner *runner = srunner_create(s);

    tcase_add_loop_test(t, comes_to, 0, COUNT(cases));
    tcase_add_test(t, extracttext_needs_variables);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
