/* SPDX-License-Identifier: MIT
 *
 * RFC 5703 5 and 6: the message that replace and enclose make, to the octet; and what loops that
 * change the message may cost.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "script.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define REQUIRE                                                                                    \
    "require [\"mime\", \"foreverypart\", \"replace\", \"enclose\", \"variables\", "               \
    "\"editheader\", \"copy\"]; "

#define PLAIN "Subject: s\nFrom: ann@example.org\nX: y\nContent-Type: text/html\n\n<p>old\n"

#define PARTS                                                                                      \
    "Subject: s\nContent-Type: multipart/mixed; boundary=b\n\npro\n--b\nX: 1\n\none\n--b\n"        \
    "Content-Type: message/rfc822\n\nSubject: in\nContent-Type: text/html\n\n<p>in\n--b--\nepi\n"

#define TEXT_7BIT                                                                                  \
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
#define TEXT_QP                                                                                    \
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "                       \
    "quoted-printable\r\n\r\n"

static const struct {
    const char *name, *script, *message, *expected;
} cases[] = {
    {"replace of a whole message", "replace \"new\";", PLAIN,
     "Subject: s\r\nFrom: ann@example.org\r\nX: y\r\nMIME-Version: 1.0\r\n" TEXT_7BIT "new"},
    {"with a subject", "replace :subject \"other\" \"new\";", PLAIN,
     "Original-Subject: s\r\nFrom: ann@example.org\r\nX: y\r\nSubject: other\r\n"
     "MIME-Version: 1.0\r\n" TEXT_7BIT "new"},
    {"a subject beyond ASCII is encoded", "replace :subject \"\xc3\xa4\" \"new\";", PLAIN,
     "Original-Subject: s\r\nFrom: ann@example.org\r\nX: y\r\nSubject: =?utf-8?B?w6Q=?=\r\n"
     "MIME-Version: 1.0\r\n" TEXT_7BIT "new"},
    {"with an author", "replace :from \"Bob <bob@example.org>\" \"new\";", PLAIN,
     "Subject: s\r\nOriginal-From: ann@example.org\r\nX: y\r\nFrom: Bob <bob@example.org>\r\n"
     "MIME-Version: 1.0\r\n" TEXT_7BIT "new"},
    {"text beyond ASCII", "replace \"\xc3\xbc \r\n.=\";", "X: y\n\nold",
     "X: y\r\nMIME-Version: 1.0\r\n" TEXT_QP "=C3=BC=20\r\n=2E=3D"},
    {"with an entity", "replace :mime \"Content-Type: text/html\r\nSubject: no\r\n\r\n<p>new\";",
     PLAIN,
     "Subject: s\r\nFrom: ann@example.org\r\nX: y\r\nMIME-Version: 1.0\r\n"
     "Content-Type: text/html\r\n\r\n<p>new"},
    {"a header without an end", "replace \"new\";", "X: y",
     "X: y\r\nMIME-Version: 1.0\r\n" TEXT_7BIT "new"},
    {"replace of a part", "foreverypart {if header :mime \"x\" \"1\" {replace \"new\";}}", PARTS,
     "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npro\r\n--b\r\n" TEXT_7BIT
     "new\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: "
     "text/html\r\n\r\n<p>in\r\n--b--\r\nepi\r\n"},
    {"a boundary in the text is hidden",
     "foreverypart {if header :mime \"x\" \"1\" {replace \"a\r\n--b--\";}}", PARTS,
     "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npro\r\n--b\r\n" TEXT_QP
     "a\r\n=2D-b--\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: "
     "text/html\r\n\r\n<p>in\r\n--b--\r\nepi\r\n"},
    {"a boundary in an entity is refused",
     "foreverypart {if header :mime \"x\" \"1\" {replace :mime \"X: 2\r\n\r\n--b--\";}}", PARTS,
     "failed: the replacement has a line that is a boundary of the message"},
    {"the message in a part keeps its header",
     "foreverypart {if header :mime \"subject\" \"in\" {replace \"new\";}}", PARTS,
     "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npro\r\n--b\r\nX: 1\r\n\r\none"
     "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\n" TEXT_7BIT
     "new\r\n--b--\r\nepi\r\n"},
    {"a multipart gives way with all its parts, and the loop is over",
     "foreverypart {replace \"new\";}", PARTS,
     "Subject: s\r\nMIME-Version: 1.0\r\n" TEXT_7BIT "new"},
    {"all parts of a message",
     "foreverypart {if not header :mime :type \"content-type\" \"multipart\" {replace \"new\";}}",
     PARTS,
     "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npro\r\n--b\r\n" TEXT_7BIT
     "new\r\n--b\r\n" TEXT_7BIT "new\r\n--b--\r\nepi\r\n"},
    {"what comes in a part's place is not gone into",
     "set \"n\" \"\"; foreverypart {set \"n\" \"${n}x\"; if header :mime \"x\" \"1\" {replace "
     ":mime "
     "\"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--c--\";}} "
     "addheader :last \"N\" \"${n}\"; replace \"\";",
     PARTS, "Subject: s\r\nN: xxxx\r\nMIME-Version: 1.0\r\n" TEXT_7BIT},
    {"edits of the header stay",
     "addheader \"A\" \"b\"; foreverypart {if header :mime \"x\" \"1\" {addheader \"C\" \"d\"; "
     "replace "
     "\"new\"; deleteheader \"Subject\";}}",
     PARTS,
     "C: d\r\nA: b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npro\r\n--b\r\n" TEXT_7BIT
     "new\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: "
     "text/html\r\n\r\n<p>in\r\n--b--\r\nepi\r\n"},

    {"subject beside mime", "replace :mime :subject \"a\" \"b\";", PLAIN,
     "refused 1: tag ':subject' cannot stand beside ':mime'"},
    {"from beside mime", "replace :from \"a@example.org\" :mime \"b\";", PLAIN,
     "refused 1: tag ':from' cannot stand beside ':mime'"},
    {"from that is no address", "replace :from \"a b\" \"b\";", PLAIN,
     "refused 1: 'a b' is no list of mail addresses"},
    {"no text", "replace;", PLAIN, "refused 1: command 'replace' needs a string more"},
    {"a list", "replace [\"a\"];", PLAIN, "refused 1: command 'replace' wants a string here"},
    {"enclose without text", "enclose :subject \"a\";", PLAIN,
     "refused 1: command 'enclose' needs a string more"},
    {"headers that are none", "enclose :headers \"a b\" \"a\";", PLAIN,
     "refused 1: 'a b' is no name of a header field"},

    {"enclose", "enclose :subject \"new\" \"text\";", "Subject: s\nDate: d\n\nold\n",
     "From: bob@example.net\r\nDate: Sun, 22 Nov 2026 16:00:00 +0300\r\nSubject: new\r\n"
     "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_enclosed_6b02e750_1c_0\"\r\n"
     "Content-Transfer-Encoding: 7bit\r\n\r\n--=_enclosed_6b02e750_1c_0\r\n" TEXT_7BIT "text\r\n"
     "--=_enclosed_6b02e750_1c_0\r\nContent-Type: message/rfc822\r\n"
     "Content-Transfer-Encoding: 7bit\r\n\r\nSubject: s\r\nDate: d\r\n\r\nold\r\n\r\n"
     "--=_enclosed_6b02e750_1c_0--\r\n"},
    {"enclose with fields of the message",
     "enclose :headers [\"from\", \"to\", \"date\", \"content-type\"] \"text\";",
     "Subject: s\nTo: t\nFrom: f\nContent-Type: text/html\n\n\xc3\xa4\n",
     "Date: Sun, 22 Nov 2026 16:00:00 +0300\r\nSubject: s\r\nTo: t\r\nFrom: f\r\n"
     "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_enclosed_6b02e750_3b_0\"\r\n"
     "Content-Transfer-Encoding: 8bit\r\n\r\n--=_enclosed_6b02e750_3b_0\r\n" TEXT_7BIT "text\r\n"
     "--=_enclosed_6b02e750_3b_0\r\nContent-Type: message/rfc822\r\n"
     "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: s\r\nTo: t\r\nFrom: f\r\nContent-Type: "
     "text/html\r\n\r\n\xc3\xa4\r\n\r\n--=_enclosed_6b02e750_3b_0--\r\n"},
    {"a redirect does not see the enclosure",
     "addheader \"A\" \"b\"; enclose \"text\"; redirect \"carl@example.com\";", "X: y\n\nold\n",
     "A: b\nX: y\n\nold\n"},
    {"nor the second one", "enclose \"text\"; enclose \"text\"; redirect \"carl@example.com\";",
     "X: y\n\nold\n", "X: y\n\nold\n"},
};

START_TEST(makes)
{
    struct script_world world = {.now = 1795352400}; /* 2026-11-22T13:00:00Z */
    char script[1024];

    snprintf(script, sizeof(script), REQUIRE "%s", cases[_i].script);
    char *text = script_message(&world, script, span_of(cases[_i].message));
    ck_assert_msg(strcmp(text, cases[_i].expected) == 0, "%s: %s", cases[_i].name, text);
    free(text);
}
END_TEST

static const struct {
    const char *name, *script, *expected;
} outcomes[] = {
    {"the implicit keep stays", "replace \"a\"; enclose \"b\";", "(keep)"},
    {"a loop goes on when one inside it has replaced a part",
     "set \"n\" \"\"; foreverypart {set \"n\" \"${n}x\"; foreverypart {if header :mime \"x\" "
     "\"1\" {replace \"new\";}}} if string \"${n}\" \"xxxx\" {discard;}",
     "discard"},
    {"a later loop goes into what was put in",
     "foreverypart {if header :mime \"x\" \"1\" {replace :mime \"Content-Type: multipart/mixed; "
     "boundary=c\r\n\r\n--c\r\n\r\n--c--\";}} set \"n\" \"\"; foreverypart {set \"n\" \"${n}x\";}"
     "if string \"${n}\" \"xxxxx\" {discard;}",
     "discard"},
    {"a loop ends when the message is enclosed",
     "set \"n\" \"\"; foreverypart {set \"n\" \"${n}x\"; enclose \"a\";}"
     "if string \"${n}\" \"x\" {discard;}",
     "discard"},
    {"also the loop around it",
     "set \"n\" \"\"; foreverypart {set \"n\" \"${n}x\"; foreverypart {enclose \"a\";}}"
     "if string \"${n}\" \"x\" {discard;}",
     "discard"},
    {"tests see the new message",
     "enclose \"a\"; if header :mime :type \"content-type\" \"multipart\" {discard;}", "discard"},
    {"and the enclosed one within it",
     "enclose \"a\"; if header :mime :anychild \"x\" \"1\" {discard;}", "discard"},
};

START_TEST(comes_to)
{
    char script[1024];

    snprintf(script, sizeof(script), REQUIRE "%s", outcomes[_i].script);
    char *outcome = script_outcome(NULL, script, SPAN(PARTS));
    ck_assert_msg(strcmp(outcome, outcomes[_i].expected) == 0, "%s: %s", outcomes[_i].name,
                  outcome);
    free(outcome);
}
END_TEST

/* Ten thousand parts, each replaced: each time the message is made anew, and that is paid. */
START_TEST(loops_of_replacements_are_bounded)
{
    size_t n = 10000;
    struct buf message;

    buf_init(&message, 64 * n);
    buf_append_str(&message, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (size_t i = 0; i < n; i++)
        buf_append_str(&message, "--b\r\nX: 1\r\n\r\nhello, world\r\n");
    char *outcome =
        script_outcome(NULL, REQUIRE "foreverypart {if header :mime \"x\" \"1\" {replace \"a\";}}",
                       buf_span(&message));
    ck_assert_msg(strncmp(outcome, "failed: the script", 18) == 0, "%s", outcome);
    free(outcome);
    buf_release(&message);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sieve mime edits");
    TCase *t = tcase_create("RFC 5703");
    SRunner *runner = srunner_create(s);

    setenv("TZ", "TEST-03", 1); /* three hours east */
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, makes, 0, COUNT(cases));
    tcase_add_loop_test(t, comes_to, 0, COUNT(outcomes));
    tcase_add_test(t, loops_of_replacements_are_bounded);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
