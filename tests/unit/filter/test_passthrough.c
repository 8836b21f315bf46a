/* SPDX-License-Identifier: MIT
 *
 * Content filters that give messages back: the verdict from what they answer and what comes back,
 * and the tokens by which a message is known again.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "judge_priv.h"
#include "token_priv.h"

/* ---- the verdict ---- */

static const struct verdict_row {
    const char *name;
    struct pass_facts facts;
    bool discards;
    enum pass_end end;
    const char *why; /* how it begins; NULL: none */
} verdicts[] = {
    {"nothing has happened", {0}, false, PASS_GOES_ON, NULL},
    {"it came back and was accepted",
     {.reply = 250, .is_returned = true},
     false,
     PASS_RETURNED,
     NULL},
    {"it came back, the answer is still to come", {.is_returned = true}, false, PASS_GOES_ON, NULL},
    {"it was accepted, and may come back", {.reply = 250}, false, PASS_GOES_ON, NULL},
    {"it is on its way back",
     {.reply = 250, .is_returning = true, .has_begun = true},
     false,
     PASS_GOES_ON,
     NULL},
    {"it was accepted and swallowed", {.reply = 250}, true, PASS_DISCARDED, NULL},
    {"it was accepted while it is on its way back, where silence is a verdict",
     {.reply = 250, .is_returning = true, .has_begun = true},
     true,
     PASS_GOES_ON,
     NULL},
    {"it was accepted behind half a return, where silence is a verdict",
     {.reply = 250, .has_begun = true},
     true,
     PASS_GOES_ON,
     NULL},
    {"half a return is no verdict",
     {.is_late = true, .reply = 250, .has_begun = true},
     true,
     PASS_FAILED,
     "it accepted the message, and did not give it back"},
    {"it is not swallowed before there is an answer", {0}, true, PASS_GOES_ON, NULL},
    {"it came back, where silence is a verdict",
     {.reply = 250, .is_returned = true},
     true,
     PASS_RETURNED,
     NULL},
    {"refused", {.reply = 550}, false, PASS_REFUSED, NULL},
    {"refused behind its return", {.reply = 554, .is_returned = true}, false, PASS_REFUSED, NULL},
    {"refused in the middle of its return",
     {.reply = 554, .is_returning = true, .has_begun = true},
     true,
     PASS_REFUSED,
     NULL},
    {"deferred", {.reply = 451}, true, PASS_DEFERRED, NULL},
    {"deferred behind its return", {.reply = 450, .is_returned = true}, false, PASS_DEFERRED, NULL},
    {"it has failed", {.failure = "it broke"}, true, PASS_FAILED, "it broke"},
    {"it has failed behind the return",
     {.failure = "it broke", .is_returned = true},
     false,
     PASS_FAILED,
     "it broke"},
    {"it has failed, whatever it says then",
     {.failure = "it broke", .reply = 250, .is_returned = true},
     false,
     PASS_FAILED,
     "it broke"},
    {"no answer in time", {.is_late = true}, true, PASS_FAILED, "it does not answer in time"},
    {"no answer in time, in the middle of the return",
     {.is_late = true, .is_returning = true, .has_begun = true},
     false,
     PASS_FAILED,
     "it does not answer in time"},
    {"no answer in time behind the return",
     {.is_late = true, .is_returned = true},
     false,
     PASS_FAILED,
     "it gave the message back, and did not answer"},
    {"no return in time",
     {.is_late = true, .reply = 250},
     false,
     PASS_FAILED,
     "it accepted the message, and did not give it back"},
    {"half a return in time",
     {.is_late = true, .reply = 250, .is_returning = true, .has_begun = true},
     true,
     PASS_FAILED,
     "what it gives back did not come to its end"},
    {"both, in the last moment",
     {.is_late = true, .reply = 250, .is_returned = true},
     false,
     PASS_RETURNED,
     NULL},
};

START_TEST(verdict)
{
    const struct verdict_row *row = &verdicts[_i];
    const char *why = "";

    ck_assert_msg(pass_judge(&row->facts, row->discards, &why) == row->end, "%s", row->name);
    ck_assert_msg((why == NULL) == (row->why == NULL), "%s: why", row->name);
    if (row->why != NULL)
        ck_assert_msg(strncmp(why, row->why, strlen(row->why)) == 0, "%s: %s", row->name, why);
}
END_TEST

START_TEST(replies_that_are_verdicts)
{
    static const unsigned yes[] = {200, 250, 252, 450, 451, 452, 471, 510, 550, 552, 554, 571, 599};
    static const unsigned no[] = {0, 354, 421, 500, 501, 502, 503, 504, 509, 530, 199, 600};

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        ck_assert_msg(pass_is_verdict(yes[i]), "%u", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        ck_assert_msg(!pass_is_verdict(no[i]), "%u", no[i]);
}
END_TEST

/* ---- tokens ---- */

#define TOKEN "0123456789abcdef0123456789abcdef"
#define A_31 "abcdefghijklmnopqrstuvwxyzabcde"

static const struct recipient_row {
    const char *user, *recipient;
} recipients[] = {
    {"ann", "ann+" TOKEN "@example.org"},     {"ann.lee", "ann.lee+" TOKEN "@example.org"},
    {"ann+x", "ann+x+" TOKEN "@example.org"}, {A_31, A_31 "+" TOKEN "@example.org"},
    {A_31 "f", TOKEN "@example.org"},         {"", TOKEN "@example.org"},
    {"ann lee", TOKEN "@example.org"},        {"\"ann\"", TOKEN "@example.org"},
    {"ann>", TOKEN "@example.org"},           {"ann\r\nDATA", TOKEN "@example.org"},
    {".ann", TOKEN "@example.org"},           {"ann.", TOKEN "@example.org"},
    {"a..b", TOKEN "@example.org"},           {"j\xc3\xb6rg", TOKEN "@example.org"},
};

START_TEST(recipient)
{
    const struct recipient_row *row = &recipients[_i];
    struct buf out;

    buf_init(&out, 512);
    ck_assert(token_recipient(row->user, "example.org", TOKEN, &out));
    ck_assert_str_eq(buf_str(&out), row->recipient);
    buf_release(&out);
}
END_TEST

START_TEST(recipient_that_does_not_fit)
{
    struct buf out;

    for (size_t max = 0; max < sizeof("ann+" TOKEN "@example.org") - 1; max++) {
        buf_init(&out, max);
        ck_assert(!token_recipient("ann", "example.org", TOKEN, &out));
        buf_release(&out);
    }
}
END_TEST

static const struct found_row {
    const char *local;
    bool is_found;
} locals[] = {
    {TOKEN, true},
    {"ann+" TOKEN, true},
    {"ANN+0123456789ABCDEF0123456789ABCDEF", true},
    {"a+b+" TOKEN, true},
    {"+" TOKEN, true},
    {"ann" TOKEN, false},
    {"ann-" TOKEN, false},
    {"", false},
    {"ann", false},
    {"+", false},
    {"ann+", false},
    {"ann+0123456789abcdef0123456789abcde", false},
    {"ann+0123456789abcdef0123456789abcdeg", false},
    {"ann+" TOKEN "0", false},
    {"ann+" TOKEN "+spam", false},
    {"ann+0123456789abcdef0123456789abcde\xc3", false},
    {"ann+0123456789abcdef 123456789abcdef", false},
};

START_TEST(token_in_a_local_part)
{
    const struct found_row *row = &locals[_i];
    char token[TOKEN_SIZE] = "";

    ck_assert_msg(token_find(row->local, token) == row->is_found, "%s", row->local);
    if (row->is_found)
        ck_assert_str_eq(token, TOKEN);
}
END_TEST

START_TEST(tokens_differ_and_are_found)
{
    char one[TOKEN_SIZE], other[TOKEN_SIZE], found[TOKEN_SIZE];

    token_make(one);
    token_make(other);
    ck_assert_str_ne(one, other);
    ck_assert(token_find(one, found));
    ck_assert_str_eq(one, found);
}
END_TEST

static const struct text_row {
    const char *before, *behind;
} texts[] = {
    {"", ""},
    {"no such user", "no such user"},
    {TOKEN, ""},
    {"<ann+" TOKEN "@example.org> is unknown", "<ann@example.org> is unknown"},
    {"<" TOKEN "@mx> and ann+" TOKEN "@x and +" TOKEN, "<@mx> and ann@x and "},
    {"ANN+0123456789ABCDEF0123456789ABCDEF", "ANN"},
};

START_TEST(texts_have_no_token)
{
    char text[256];

    strcpy(text, texts[_i].before);
    token_hide(text, TOKEN);
    ck_assert_str_eq(text, texts[_i].behind);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
    Suite *s = suite_create("passthrough");
    TCase *t = tcase_create("passthrough");
    SRunner *r;
    int failed;

    tcase_add_loop_test(t, verdict, 0, ROWS(verdicts));
    tcase_add_test(t, replies_that_are_verdicts);
    tcase_add_loop_test(t, recipient, 0, ROWS(recipients));
    tcase_add_test(t, recipient_that_does_not_fit);
    tcase_add_loop_test(t, token_in_a_local_part, 0, ROWS(locals));
    tcase_add_test(t, tokens_differ_and_are_found);
    tcase_add_loop_test(t, texts_have_no_token, 0, ROWS(texts));
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
