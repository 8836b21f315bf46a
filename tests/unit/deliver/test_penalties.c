/* SPDX-License-Identifier: MIT
 *
 * What failures cost, with a clock of the test's own.
 */
#include <stdio.h>
#include <string.h>

#include "suites.h"

#include "../../../src/deliver/login/penalty_file_priv.h"

#define MINUTE 60000u

static const struct settings_auth settings = {
    .queue = 16,
    .delay = 1000,
    .delay_max = 15000,
    .address_failures = 5,
    .account_failures = 3,
    .ban = 10 * MINUTE,
    .decay = 10 * MINUTE,
};

static struct penalties *p;
static uint64_t now;

static void
setup(void)
{
    p = penalties_new(&settings, 100);
    now = 1000000;
}

static void
teardown(void)
{
    penalties_free(p);
}

static struct penalty_keys
keys(const char *address, const char *account)
{
    struct penalty_keys k;

    snprintf(k.address, sizeof(k.address), "%s", address);
    snprintf(k.account, sizeof(k.account), "%s", account);
    return k;
}

static bool
is_banned(const char *address, const char *account)
{
    struct penalty_keys k = keys(address, account);

    return penalties_is_banned(p, &k, now);
}

static uint64_t
fail_once(const char *address, const char *account)
{
    struct penalty_keys k = keys(address, account);

    return penalties_fail(p, &k, now);
}

static void
succeed(const char *address, const char *account)
{
    struct penalty_keys k = keys(address, account);

    penalties_succeed(p, &k, now);
}

START_TEST(delays_double_up_to_the_maximum)
{
    static const uint64_t wanted[] = {1000, 2000, 4000, 8000, 15000, 15000};

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        ck_assert_uint_eq(fail_once("192.0.2.1", ""), wanted[i]);
    ck_assert_uint_eq(fail_once("192.0.2.2", ""), 1000);
}
END_TEST

START_TEST(an_address_is_banned_for_a_while)
{
    for (unsigned i = 0; i < settings.address_failures; i++) {
        ck_assert(!is_banned("192.0.2.1", "ann"));
        fail_once("192.0.2.1", "");
    }
    ck_assert(is_banned("192.0.2.1", "ann"));
    ck_assert(!is_banned("192.0.2.2", "ann"));
    now += settings.ban - 1;
    ck_assert(is_banned("192.0.2.1", ""));
    now += 1;
    ck_assert(!is_banned("192.0.2.1", ""));
}
END_TEST

START_TEST(failures_decay)
{
    fail_once("192.0.2.1", "");
    fail_once("192.0.2.1", "");
    now += settings.decay; /* two are one */
    ck_assert_uint_eq(fail_once("192.0.2.1", ""), 2000);
    now += 20 * settings.decay;
    ck_assert_uint_eq(fail_once("192.0.2.1", ""), 1000);
    for (int i = 0; i < 1000; i++) { /* slowly: never banned */
        now += settings.decay;
        fail_once("192.0.2.1", "");
        ck_assert(!is_banned("192.0.2.1", ""));
    }
}
END_TEST

START_TEST(an_account_is_closed_to_strangers_only)
{
    succeed("198.51.100.1", "ann");
    succeed("", "ann");
    for (unsigned i = 0; i < settings.account_failures; i++)
        fail_once("192.0.2.1", "ann");
    ck_assert(is_banned("192.0.2.9", "ann"));
    ck_assert(!is_banned("198.51.100.1", "ann"));
    ck_assert(!is_banned("", "ann"));
    ck_assert(!is_banned("192.0.2.9", "bob"));
    fail_once("198.51.100.1", "ann"); /* the owner mistypes */
    ck_assert(!is_banned("198.51.100.1", "ann"));
}
END_TEST

START_TEST(only_the_last_places_are_known)
{
    static const char *const places[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4",
                                         "192.0.2.5"};

    for (size_t i = 0; i < 5; i++)
        succeed(places[i], "ann");
    for (unsigned i = 0; i < settings.account_failures; i++)
        fail_once("203.0.113.1", "ann");
    ck_assert(is_banned(places[0], "ann"));
    for (size_t i = 1; i < 5; i++)
        ck_assert_msg(!is_banned(places[i], "ann"), "%s", places[i]);
}
END_TEST

START_TEST(one_right_password_forgives_one_wrong)
{
    for (unsigned i = 1; i < settings.address_failures; i++)
        fail_once("192.0.2.1", "");
    succeed("192.0.2.1", "mallory");
    fail_once("192.0.2.1", "");
    ck_assert(!is_banned("192.0.2.1", ""));
    fail_once("192.0.2.1", "");
    ck_assert(is_banned("192.0.2.1", ""));
}
END_TEST

static const struct {
    const char *address, *key; /* NULL: none */
} addresses[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"IPv6:2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
    {"2001:db8:1:2::9", "2001:db8:1:2::/64"},
    {"IPv6:::1", "::/64"},
    {"", NULL},
    {"unix", NULL},
    {"192.0.2.1 ", NULL},
    {"192.0.2", NULL},
    {"IPv6:192.0.2.1", NULL},
};

START_TEST(keys_of_addresses)
{
    char key[PENALTY_KEY_SIZE];
    bool is_one = penalty_key_address(addresses[_i].address, key);

    ck_assert_int_eq(is_one, addresses[_i].key != NULL);
    if (is_one)
        ck_assert_str_eq(key, addresses[_i].key);
}
END_TEST

static bool
count_one(void *arg, const struct penalty *penalty)
{
    (void)penalty;
    ++*(unsigned *)arg;
    return true;
}

static unsigned
count(void)
{
    unsigned n = 0;

    penalties_list(p, now, count_one, &n);
    return n;
}

START_TEST(tables_are_bounded_and_keep_the_worst)
{
    char name[32];

    for (unsigned i = 0; i < settings.address_failures; i++)
        fail_once("192.0.2.1", "victim");
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "10.0.%u.%u", i / 256, i % 256);
        fail_once(name, name);
    }
    ck_assert_uint_eq(count(), 200);
    ck_assert(is_banned("192.0.2.1", ""));
    ck_assert(is_banned("203.0.113.1", "victim"));
}
END_TEST

START_TEST(the_operator_has_the_last_word)
{
    ck_assert(!penalties_remove(p, PENALTY_ADDRESS, "192.0.2.1"));
    ck_assert(penalties_ban(p, PENALTY_ADDRESS, "192.0.2.1", MINUTE, now));
    ck_assert(is_banned("192.0.2.1", ""));
    ck_assert_uint_eq(count(), 1);
    ck_assert(penalties_remove(p, PENALTY_ADDRESS, "192.0.2.1"));
    ck_assert(!is_banned("192.0.2.1", ""));
    ck_assert_uint_eq(count(), 0);
    ck_assert(!penalties_remove(p, PENALTY_ADDRESS, "192.0.2.1"));
}
END_TEST

START_TEST(one_address_does_not_fill_the_pool)
{
    struct penalty_keys k = keys("192.0.2.1", "ann"), other = keys("192.0.2.2", "ann");
    unsigned n = 0;

    while (n < 1000 && penalties_reserve(p, &k, now))
        n++;
    ck_assert_uint_eq(n, settings.queue / 8 + 1);
    ck_assert(penalties_reserve(p, &other, now));
    penalties_release(p, &k);
    ck_assert(penalties_reserve(p, &k, now));
}
END_TEST

/* --- the file --- */

static void
write_file(struct buf *out, uint64_t wall_ms)
{
    buf_init(out, PENALTY_FILE_MAX);
    penalty_file_pack(p, now, wall_ms, out);
    penalties_free(p);
    p = penalties_new(&settings, 100);
    now = 5; /* the machine was started anew */
}

START_TEST(a_file_brings_bans_and_scores_back)
{
    struct penalty_keys home = keys("198.51.100.7", "ann@d.test");
    struct buf file;

    penalties_succeed(p, &home, now);
    for (int i = 0; i < 5; i++)
        fail_once("192.0.2.1", "ann@d.test");
    fail_once("192.0.2.2", "bob@d.test");
    fail_once("192.0.2.2", "cid@d.test");
    write_file(&file, 1000 * MINUTE);
    ck_assert(penalty_file_unpack(p, buf_span(&file), now, 1001 * MINUTE));
    ck_assert(is_banned("192.0.2.1", ""));
    ck_assert(is_banned("192.0.2.9", "ann@d.test"));
    ck_assert(!is_banned("198.51.100.7", "ann@d.test")); /* its owner's address */
    ck_assert_uint_eq(fail_once("192.0.2.2", ""), 2000); /* the third, and a little has decayed */
    now += 9 * MINUTE;
    ck_assert(!is_banned("192.0.2.1", "")); /* ten minutes in all */
    buf_release(&file);
}
END_TEST

START_TEST(time_goes_on_while_nobody_runs)
{
    struct buf file;

    for (int i = 0; i < 5; i++)
        fail_once("192.0.2.1", "");
    write_file(&file, 1000 * MINUTE);
    ck_assert(penalty_file_unpack(p, buf_span(&file), now, (1000 + 24 * 60) * MINUTE));
    ck_assert(!is_banned("192.0.2.1", ""));
    ck_assert_uint_eq(fail_once("192.0.2.1", ""), settings.delay);
    buf_release(&file);
}
END_TEST

START_TEST(a_clock_that_was_set_back_ends_no_ban)
{
    struct buf file;

    for (int i = 0; i < 5; i++)
        fail_once("192.0.2.1", "");
    write_file(&file, 1000 * MINUTE);
    ck_assert(penalty_file_unpack(p, buf_span(&file), now, 1 * MINUTE));
    ck_assert(is_banned("192.0.2.1", ""));
    buf_release(&file);
}
END_TEST

/* Cut anywhere, or with something behind: nothing of it is taken. */
START_TEST(a_broken_file_is_none)
{
    struct buf file;
    int count = 0;

    for (int i = 0; i < 5; i++)
        fail_once("192.0.2.1", "ann@d.test");
    write_file(&file, 1000 * MINUTE);
    for (size_t n = 0; n < file.len; n++)
        ck_assert(!penalty_file_unpack(p, (struct span){file.data, n}, now, 1000 * MINUTE));
    penalties_each(p, now, count_one, &count);
    ck_assert_int_eq(count, 0);
    ck_assert(penalty_file_unpack(p, buf_span(&file), now, 1000 * MINUTE));
    ck_assert(buf_append_char(&file, 1));
    ck_assert(!penalty_file_unpack(p, buf_span(&file), now, 1000 * MINUTE));
    file.data[0] = 9;
    ck_assert(!penalty_file_unpack(p, buf_span(&file), now, 1000 * MINUTE));
    buf_release(&file);
}
END_TEST

TCase *
penalties_tests(void)
{
    TCase *t = tcase_create("penalties");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, delays_double_up_to_the_maximum);
    tcase_add_test(t, an_address_is_banned_for_a_while);
    tcase_add_test(t, failures_decay);
    tcase_add_test(t, an_account_is_closed_to_strangers_only);
    tcase_add_test(t, only_the_last_places_are_known);
    tcase_add_test(t, one_right_password_forgives_one_wrong);
    tcase_add_loop_test(t, keys_of_addresses, 0, sizeof(addresses) / sizeof(addresses[0]));
    tcase_add_test(t, tables_are_bounded_and_keep_the_worst);
    tcase_add_test(t, the_operator_has_the_last_word);
    tcase_add_test(t, one_address_does_not_fill_the_pool);
    tcase_add_test(t, a_file_brings_bans_and_scores_back);
    tcase_add_test(t, time_goes_on_while_nobody_runs);
    tcase_add_test(t, a_clock_that_was_set_back_ends_no_ban);
    tcase_add_test(t, a_broken_file_is_none);
    return t;
}
