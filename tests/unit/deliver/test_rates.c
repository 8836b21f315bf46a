/* SPDX-License-Identifier: MIT
 *
 * What an account may get in an hour, and when a disk is low.
 */
#include "disk_priv.h"
#include "rates_priv.h"
#include "suites.h"

static struct account ann = {.user = "ann", .domain = "example.org"};
static struct account bob = {.user = "bob", .domain = "example.org"};

START_TEST(messages_of_an_account_are_counted)
{
    struct settings_limits limits = {.account_messages = 3, .account_octets = UINT64_MAX};
    struct rates *r = rates_new(&limits);

    for (int i = 0; i < 3; i++) {
        ck_assert(rates_have(r, &ann, 1 << 30));
        ck_assert(rates_take(r, &ann, 1 << 30));
    }
    ck_assert(!rates_have(r, &ann, 0));
    ck_assert(!rates_take(r, &ann, 0));
    ck_assert(rates_take(r, &bob, 0)); /* has an hour of its own */
    rates_free(r);
}
END_TEST

START_TEST(octets_of_an_account_are_counted)
{
    struct settings_limits limits = {.account_messages = UINT64_MAX, .account_octets = 1 << 30};
    struct rates *r = rates_new(&limits);

    ck_assert(rates_take(r, &ann, 1 << 29));
    ck_assert(!rates_take(r, &ann, (1 << 29) + (1 << 28)));
    ck_assert(rates_take(r, &ann, 1 << 28)); /* a smaller one fits */
    rates_free(r);
}
END_TEST

START_TEST(none_counts_nothing)
{
    struct settings_limits limits = {.account_messages = UINT64_MAX, .account_octets = UINT64_MAX};
    struct rates *r = rates_new(&limits);

    for (int i = 0; i < 1000; i++)
        ck_assert(rates_take(r, &ann, UINT64_MAX));
    rates_free(r);
}
END_TEST

START_TEST(a_disk_is_low_by_octets_or_by_share)
{
    const uint64_t mib = 1 << 20;

    ck_assert(!disk_is_low(64 * mib, 10000 * mib, 64 * mib));
    ck_assert(disk_is_low(64 * mib - 1, 10000 * mib, 64 * mib));
    ck_assert(!disk_is_low(1 * mib, 20 * mib, 64 * mib)); /* of a small one a twentieth */
    ck_assert(disk_is_low(1 * mib - 1, 20 * mib, 64 * mib));
    ck_assert(!disk_is_low(0, 0, 64 * mib)); /* one that has no size is no disk */
}
END_TEST

TCase *
rates_tests(void)
{
    TCase *t = tcase_create("rates");

    tcase_add_test(t, messages_of_an_account_are_counted);
    tcase_add_test(t, octets_of_an_account_are_counted);
    tcase_add_test(t, none_counts_nothing);
    tcase_add_test(t, a_disk_is_low_by_octets_or_by_share);
    return t;
}
