/* SPDX-License-Identifier: MIT
 *
 * Changes as records: what is packed is unpacked again; what was cut, is longer, or of another kind
 * is refused.
 */
#include <string.h>

#include "record_change_priv.h"
#include "suites.h"

static const struct account ann = {.user = "ann", .domain = "example.org", .home = "/home/ann"};
static struct change_message messages[] = {
    {.uid = 7, .name = "1.M1.host", .flags = 3, .keywords = "work later", .to_uid = 9},
    {.uid = 4294967294u, .name = "2.M2.host", .keywords = ""},
};
static const struct change change = {
    .kind = CHANGE_MOVE,
    .id = "0abcdefghij",
    .mailbox = "INBOX",
    .uid_validity = 5,
    .to = "Old/2026",
    .to_validity = 6,
    .list = messages,
    .count = 2,
};
static struct buf out;
static struct arena arena;
static struct account account;
static struct change back;

static void
set_up(void)
{
    buf_init(&out, RECORD_CHANGE_MAX);
    arena_init(&arena, 1024 * 1024);
}

static void
tear_down(void)
{
    buf_release(&out);
    arena_release(&arena);
}

START_TEST(a_change_comes_back_as_it_was)
{
    ck_assert(record_change_pack(&out, &ann, &change));
    ck_assert(record_change_unpack(&account, &back, buf_span(&out), &arena));
    ck_assert_str_eq(account.user, "ann");
    ck_assert_str_eq(account.home, "/home/ann");
    ck_assert_int_eq(back.kind, CHANGE_MOVE);
    ck_assert_str_eq(back.id, change.id);
    ck_assert_str_eq(back.mailbox, "INBOX");
    ck_assert_str_eq(back.to, "Old/2026");
    ck_assert(back.uid_validity == 5 && back.to_validity == 6 && back.count == 2);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_str_eq(back.list[i].name, messages[i].name);
        ck_assert_str_eq(back.list[i].keywords, messages[i].keywords);
        ck_assert(back.list[i].uid == messages[i].uid && back.list[i].flags == messages[i].flags &&
                  back.list[i].to_uid == messages[i].to_uid);
    }
}
END_TEST

START_TEST(no_part_of_one_is_one)
{
    ck_assert(record_change_pack(&out, &ann, &change));
    for (size_t n = 0; n < out.len; n++)
        ck_assert(!record_change_unpack(&account, &back, (struct span){out.data, n}, &arena));
    ck_assert(buf_append_char(&out, 'x'));
    ck_assert(!record_change_unpack(&account, &back, buf_span(&out), &arena));
}
END_TEST

START_TEST(other_versions_and_kinds_are_refused)
{
    ck_assert(record_change_pack(&out, &ann, &change));
    for (int octet = 0; octet < 256; octet++) {
        out.data[0] = (char)octet;
        ck_assert_int_eq(record_change_unpack(&account, &back, buf_span(&out), &arena), octet == 1);
    }
    out.data[0] = 1;
    for (int octet = 0; octet < 256; octet++) {
        out.data[1] = (char)octet;
        ck_assert_int_eq(record_change_unpack(&account, &back, buf_span(&out), &arena),
                         octet >= CHANGE_FLAGS && octet <= CHANGE_VALIDITY);
    }
}
END_TEST

START_TEST(a_list_without_end_is_refused)
{
    struct change many = change;

    many.count = 0;
    ck_assert(record_change_pack(&out, &ann, &many));
    memset(out.data + out.len - 4, 0xff, 4);
    ck_assert(!record_change_unpack(&account, &back, buf_span(&out), &arena));
}
END_TEST

START_TEST(what_does_not_fit_is_said)
{
    struct buf small;

    for (size_t max = 0; max < 60; max++) {
        buf_init(&small, max);
        ck_assert(!record_change_pack(&small, &ann, &change));
        buf_release(&small);
    }
}
END_TEST

TCase *
record_change_tests(void)
{
    TCase *t = tcase_create("record_change");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_change_comes_back_as_it_was);
    tcase_add_test(t, no_part_of_one_is_one);
    tcase_add_test(t, other_versions_and_kinds_are_refused);
    tcase_add_test(t, a_list_without_end_is_refused);
    tcase_add_test(t, what_does_not_fit_is_said);
    return t;
}
