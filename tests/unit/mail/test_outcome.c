/* SPDX-License-Identifier: MIT
 *
 * The table of answers, the way of errno into it, and outcomes through a door.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/outcome.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(every_kind_has_a_row)
{
    struct outcome o;

    outcome_set(&o, (enum outcome_kind)_i, NULL);
    int code = outcome_code(&o);
    ck_assert_int_ge(code, 250);
    ck_assert_int_le(code, 554);
    /* The class of the enhanced code is that of the reply (RFC 2034 4). */
    ck_assert_int_eq(outcome_enhanced(&o)[0], '0' + code / 100);
    ck_assert_uint_gt(strlen(outcome_text(&o)), 3);
    ck_assert_int_eq(outcome_is_success(&o) + outcome_is_temporary(&o) + outcome_is_permanent(&o),
                     1);
    ck_assert_str_eq(o.cause, "");
}
END_TEST

static const struct {
    const char *name;
    int error;
    const char *call;
    int code;
    const char *enhanced;
} errors[] = {
    {"disk full", ENOSPC, "write", 452, "4.3.1"},
    {"file system quota", EDQUOT, "write", 452, "4.2.2"},
    {"lock held", EAGAIN, "fcntl", 451, "4.2.0"},
    {"lock held, as POSIX may say it", EACCES, "fcntl", 451, "4.2.0"},
    {"not allowed", EACCES, "openat", 451, "4.3.0"},
    {"disk broken", EIO, "fdatasync", 451, "4.3.0"},
    {"no descriptor", EMFILE, "openat", 451, "4.3.0"},
    {"folder gone", ENOENT, "linkat", 451, "4.3.0"},
};

START_TEST(errno_is_temporary)
{
    struct outcome o;

    ck_assert(!outcome_errno(&o, errors[_i].error, errors[_i].call, "/x/y"));
    ck_assert_msg(outcome_code(&o) == errors[_i].code, "%s", errors[_i].name);
    ck_assert_str_eq(outcome_enhanced(&o), errors[_i].enhanced);
    ck_assert(outcome_is_temporary(&o));
    ck_assert_ptr_nonnull(strstr(o.cause, errors[_i].call));
    ck_assert_ptr_nonnull(strstr(o.cause, "/x/y"));
    ck_assert_ptr_null(strstr(outcome_text(&o), "/x/y"));
}
END_TEST

START_TEST(set_says_whether_it_is_a_success)
{
    struct outcome o;

    ck_assert(outcome_set(&o, OUTCOME_DELIVERED, NULL));
    ck_assert(!outcome_set(&o, OUTCOME_BUSY, "lock %s", "x.lock"));
    ck_assert_str_eq(o.cause, "lock x.lock");
}
END_TEST

START_TEST(text_is_one_line)
{
    struct outcome o;

    outcome_set(&o, OUTCOME_BAD_CONTENT, NULL);
    outcome_say(&o, "no\r\n250 %s\x1b\x7f", "ok\t.");
    ck_assert_str_eq(outcome_text(&o), "no  250 ok .  ");
}
END_TEST

START_TEST(long_texts_are_cut)
{
    struct outcome o;
    char text[2 * OUTCOME_TEXT_SIZE];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    outcome_set(&o, OUTCOME_SYSTEM, "%s", text);
    outcome_say(&o, "%s", text);
    ck_assert_uint_eq(strlen(o.text), sizeof(o.text) - 1);
    ck_assert_uint_eq(strlen(o.cause), sizeof(o.cause) - 1);
}
END_TEST

static const struct {
    const char *name;
    const char *reply;
    int code; /* 0: it is none */
    const char *enhanced;
    const char *text;
} replies[] = {
    {"code, enhanced code and text", "550 5.7.1 go away", 550, "5.7.1", "go away"},
    {"temporary", "421 4.7.0 later", 421, "4.7.0", "later"},
    {"no enhanced code", "554 no", 554, "5.7.1", "no"},
    {"a code alone", "450", 450, "4.7.1", "a content filter is unavailable, try again later"},
    {"several lines", "550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three", 550, "5.7.1",
     "one\ntwo\nthree"},
    {"lines without their code", "550 5.7.1 one\ntwo", 550, "5.7.1", "one\ntwo"},
    {"an enhanced code of another class is text", "550 4.7.1 x", 550, "5.7.1", "4.7.1 x"},
    {"a number is no enhanced code", "550 5.7 x", 550, "5.7.1", "5.7 x"},
    {"control octets", "550 5.7.1 a\rb\x1b[m", 550, "5.7.1", "a b [m"},
    {"a success is no refusal", "250 2.0.0 ok", 0, "", ""},
    {"too short", "55", 0, "", ""},
    {"empty", "", 0, "", ""},
    {"no number", "5x0 no", 0, "", ""},
};

START_TEST(replies_of_filters)
{
    struct outcome o, again;
    struct span reply = span_of(replies[_i].reply);
    struct unpack u;
    struct buf out;
    struct pack p;

    ck_assert_msg(outcome_reply(&o, reply) == (replies[_i].code != 0), "%s", replies[_i].name);
    if (replies[_i].code == 0)
        return;
    ck_assert_msg(outcome_code(&o) == replies[_i].code, "%s", replies[_i].name);
    ck_assert_str_eq(outcome_enhanced(&o), replies[_i].enhanced);
    ck_assert_str_eq(outcome_text(&o), replies[_i].text);
    buf_init(&out, 4096);
    pack_init(&p, &out);
    outcome_pack(&o, &p);
    unpack_init(&u, buf_span(&out));
    outcome_unpack(&again, &u);
    ck_assert(unpack_done(&u));
    ck_assert_int_eq(outcome_code(&again), replies[_i].code);
    ck_assert_str_eq(outcome_enhanced(&again), replies[_i].enhanced);
    ck_assert_str_eq(outcome_text(&again), replies[_i].text);
    buf_release(&out);
}
END_TEST

START_TEST(packed_comes_back)
{
    struct outcome o, again;
    struct buf out;
    struct pack p;
    struct unpack u;

    buf_init(&out, 1024);
    pack_init(&p, &out);
    outcome_set(&o, OUTCOME_OVER_QUOTA, "%d of %d", 7, 5);
    outcome_say(&o, "full");
    outcome_pack(&o, &p);
    unpack_init(&u, buf_span(&out));
    outcome_unpack(&again, &u);
    ck_assert(unpack_done(&u));
    ck_assert_int_eq(again.kind, OUTCOME_OVER_QUOTA);
    ck_assert_str_eq(again.text, "full");
    ck_assert_str_eq(again.cause, "7 of 5");
    buf_release(&out);
}
END_TEST

static const struct {
    const char *name;
    unsigned code;
    const char *enhanced, *text;
    enum outcome_kind kind;
    int said;
    const char *said_enhanced;
} relayed[] = {
    {"taken", 250, "2.1.5", "ok", OUTCOME_RELAYED, 250, "2.1.5"},
    {"taken without an enhanced code", 250, "", "ok", OUTCOME_RELAYED, 250, "2.0.0"},
    {"deferred", 452, "4.2.2", "full", OUTCOME_RELAY_DEFERRED, 452, "4.2.2"},
    {"refused", 550, "5.1.1", "who?", OUTCOME_RELAY_REFUSED, 550, "5.1.1"},
    {"no reply", 0, "4.4.1", "refused", OUTCOME_RELAY_DEFERRED, 451, "4.4.1"},
    {"a reply out of place", 354, "", "go on", OUTCOME_RELAY_DEFERRED, 451, "4.4.1"},
    {"codes that differ", 550, "4.1.1", "who?", OUTCOME_RELAY_REFUSED, 550, "5.0.0"},
    {"no enhanced code at all", 550, "5.1.1 x", "who?", OUTCOME_RELAY_REFUSED, 550, "5.0.0"},
};

START_TEST(a_next_hop_says)
{
    struct outcome o, again;
    struct unpack u;
    struct pack p;
    struct buf out;

    outcome_relayed(&o, relayed[_i].code, relayed[_i].enhanced, relayed[_i].text);
    buf_init(&out, 4096);
    pack_init(&p, &out);
    outcome_pack(&o, &p);
    unpack_init(&u, buf_span(&out));
    outcome_unpack(&again, &u);
    ck_assert_msg(unpack_done(&u), "%s", relayed[_i].name);
    ck_assert_msg(again.kind == relayed[_i].kind, "%s", relayed[_i].name);
    ck_assert_msg(outcome_code(&again) == relayed[_i].said, "%s", relayed[_i].name);
    ck_assert_str_eq(outcome_enhanced(&again), relayed[_i].said_enhanced);
    ck_assert_str_eq(outcome_text(&again), relayed[_i].text);
    buf_release(&out);
}
END_TEST

START_TEST(hostile_outcomes)
{
    struct outcome o;
    struct buf out;
    struct pack p;
    struct unpack u;

    buf_init(&out, 4096);
    pack_init(&p, &out);
    pack_u8(&p, OUTCOME_KINDS);
    pack_u16(&p, 0);
    pack_str(&p, "");
    pack_str(&p, "");
    pack_str(&p, "");
    unpack_init(&u, buf_span(&out));
    outcome_unpack(&o, &u);
    ck_assert(!unpack_done(&u));
    ck_assert(outcome_is_temporary(&o));

    buf_reset(&out);
    pack_u8(&p, OUTCOME_OK);
    pack_u16(&p, 0);
    pack_str(&p, "");
    pack_str(&p, "a\r\nb");
    pack_str(&p, "");
    unpack_init(&u, buf_span(&out));
    outcome_unpack(&o, &u);
    ck_assert(unpack_done(&u));
    ck_assert_str_eq(outcome_text(&o), "a  b");
    for (size_t n = 0; n < out.len; n++) {
        unpack_init(&u, (struct span){out.data, n});
        outcome_unpack(&o, &u);
        ck_assert(!unpack_done(&u));
    }
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("outcome");
    TCase *t = tcase_create("outcome");

    tcase_add_loop_test(t, every_kind_has_a_row, 0, OUTCOME_KINDS);
    tcase_add_loop_test(t, errno_is_temporary, 0, COUNT(errors));
    tcase_add_loop_test(t, a_next_hop_says, 0, COUNT(relayed));
    tcase_add_test(t, set_says_whether_it_is_a_success);
    tcase_add_test(t, text_is_one_line);
    tcase_add_test(t, long_texts_are_cut);
    tcase_add_loop_test(t, replies_of_filters, 0, COUNT(replies));
    tcase_add_test(t, packed_comes_back);
    tcase_add_test(t, hostile_outcomes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
