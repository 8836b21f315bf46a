/* SPDX-License-Identifier: MIT
 *
 * What networks of clients may do, and rates, on a clock of the test's own.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/rate.h"
#include "network_priv.h"

#define HOUR 3600000

static struct settings_network exempt[] = {{.family = AF_INET, .bytes = {127}, .bits = 8}};

static struct settings_limits limits = {
    .network_connections = 2,
    .network_messages = 3,
    .network_ipv4 = 24,
    .network_ipv6 = 64,
    .exempt = exempt,
    .exempt_count = 1,
};

static struct sockaddr_storage
address(const char *text)
{
    struct sockaddr_storage s = {.ss_family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET};
    void *out = s.ss_family == AF_INET6 ? (void *)&((struct sockaddr_in6 *)&s)->sin6_addr
                                        : (void *)&((struct sockaddr_in *)&s)->sin_addr;

    ck_assert_int_eq(inet_pton(s.ss_family, text, out), 1);
    return s;
}

static struct network *
enter(struct networks *n, const char *text)
{
    struct sockaddr_storage peer = address(text);

    return network_enter(n, &peer, 1);
}

static const struct {
    const char *name, *one, *other;
    bool is_same;
} pairs[] = {
    {"an address is in its own network", "192.0.2.1", "192.0.2.1", true},
    {"neighbours in the 24 bits", "192.0.2.1", "192.0.2.255", true},
    {"another 24 bits", "192.0.2.1", "192.0.3.1", false},
    {"the 64 bits of IPv6", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
    {"another 64 bits", "2001:db8::1", "2001:db8:0:1::1", false},
    {"IPv4 as mapped into IPv6", "192.0.2.1", "::ffff:192.0.2.9", true},
    {"IPv6 that begins like IPv4", "192.0.2.1", "c000:0200::1", false},
};

START_TEST(connections_are_counted_by_network)
{
    struct networks *n = networks_new(&limits, 1);
    struct network *first = enter(n, pairs[_i].one), *second = enter(n, pairs[_i].one);

    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_eq(second, first);
    ck_assert_ptr_null(enter(n, pairs[_i].one));
    ck_assert_msg((enter(n, pairs[_i].other) == NULL) == pairs[_i].is_same, "%s", pairs[_i].name);
    network_leave(n, second, 1);
    ck_assert_ptr_nonnull(enter(n, pairs[_i].one));
    networks_free(n);
}
END_TEST

START_TEST(each_edge_has_its_share)
{
    struct networks *n = networks_new(&limits, 2);

    ck_assert_ptr_nonnull(enter(n, "192.0.2.1"));
    ck_assert_ptr_null(enter(n, "192.0.2.1"));
    networks_free(n);
}
END_TEST

START_TEST(exempt_networks_are_known)
{
    struct networks *n = networks_new(&limits, 1);
    struct sockaddr_storage home = address("127.0.0.1"), away = address("192.0.2.1");
    struct sockaddr_storage beside = {.ss_family = AF_UNIX};

    ck_assert(networks_are_exempt(n, &home));
    ck_assert(networks_are_exempt(n, &beside));
    ck_assert(!networks_are_exempt(n, &away));
    networks_free(n);
}
END_TEST

START_TEST(messages_are_counted_by_network_and_hour)
{
    struct networks *n = networks_new(&limits, 1);
    struct sockaddr_storage one = address("192.0.2.1"), other = address("192.0.3.1");
    struct network *net = network_enter(n, &one, 0);

    for (int i = 0; i < 3; i++)
        ck_assert(network_may_send(n, &one, 0));
    ck_assert(!network_may_send(n, &one, 0));
    ck_assert(network_may_send(n, &other, 0));
    network_leave(n, net, 0); /* a new connection does not help */
    ck_assert(!network_may_send(n, &one, HOUR / 3 - 1));
    ck_assert(network_may_send(n, &one, HOUR / 3));
    ck_assert(!network_may_send(n, &one, HOUR / 3));
    ck_assert(network_may_send(n, &one, 2 * HOUR));
    networks_free(n);
}
END_TEST

/* One client with very many addresses: the table stays small, and those that are connected keep
 * their places. */
START_TEST(the_table_is_bounded)
{
    struct networks *n = networks_new(&limits, 1);
    struct network *held = enter(n, "192.0.2.1");
    struct sockaddr_storage many = address("2001:db8::1");
    struct in6_addr *six = &((struct sockaddr_in6 *)&many)->sin6_addr;
    unsigned sent = 0;

    for (unsigned i = 0; i < 100000; i++) {
        six->s6_addr[5] = (uint8_t)(i >> 16);
        six->s6_addr[6] = (uint8_t)(i >> 8);
        six->s6_addr[7] = (uint8_t)i;
        sent += network_may_send(n, &many, 1);
    }
    ck_assert_uint_eq(sent, 100000);
    ck_assert_ptr_eq(enter(n, "192.0.2.1"), held);
    ck_assert_ptr_null(enter(n, "192.0.2.1"));
    networks_free(n);
}
END_TEST

START_TEST(a_bucket_gives_what_it_has_and_fills_evenly)
{
    struct rate r;
    uint64_t taken = 0;

    rate_init(&r, 0);
    for (uint64_t now = 0; now <= 10 * (uint64_t)HOUR; now += 977) {
        if (rate_has(&r, 100, 1, now)) {
            rate_take(&r, 1);
            taken++;
        }
    }
    ck_assert_uint_ge(taken, 100 + 10 * 100 - 1);
    ck_assert_uint_le(taken, 100 + 10 * 100);
}
END_TEST

START_TEST(a_bucket_counts_parts_exactly_however_often_one_looks)
{
    unsigned early = 0;
    struct rate r;

    rate_init(&r, 0);
    rate_take(&r, 1);
    for (uint64_t now = 0; now < HOUR; now++)
        early += rate_has(&r, 1, 1, now);
    ck_assert_uint_eq(early, 0);
    ck_assert(rate_has(&r, 1, 1, HOUR));
}
END_TEST

START_TEST(what_is_larger_than_an_hour_passes_when_nothing_else_did)
{
    struct rate r;

    rate_init(&r, 0);
    ck_assert(rate_has(&r, 10, 1000, 0));
    rate_take(&r, 1000);
    ck_assert(!rate_has(&r, 10, 1, HOUR));
    ck_assert(!rate_is_full(&r, 10, HOUR));
}
END_TEST

START_TEST(none_is_no_number)
{
    struct rate r;

    rate_init(&r, 0);
    rate_take(&r, UINT64_MAX);
    rate_take(&r, UINT64_MAX); /* no overflow */
    ck_assert(rate_has(&r, UINT64_MAX, 1, 0));
    ck_assert(!rate_has(&r, 10, 1, 0));
}
END_TEST

START_TEST(a_clock_that_goes_back_gives_nothing)
{
    struct rate r;

    rate_init(&r, 10 * (uint64_t)HOUR);
    rate_take(&r, 10);
    ck_assert(!rate_has(&r, 10, 1, 0));
    ck_assert(!rate_has(&r, 10, 1, 1000));
    ck_assert(rate_has(&r, 10, 10, HOUR + 1000));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("network");
    TCase *cases = tcase_create("network");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, connections_are_counted_by_network, 0,
                        sizeof(pairs) / sizeof(pairs[0]));
    tcase_add_test(cases, each_edge_has_its_share);
    tcase_add_test(cases, exempt_networks_are_known);
    tcase_add_test(cases, messages_are_counted_by_network_and_hour);
    tcase_add_test(cases, the_table_is_bounded);
    tcase_add_test(cases, a_bucket_gives_what_it_has_and_fills_evenly);
    tcase_add_test(cases, a_bucket_counts_parts_exactly_however_often_one_looks);
    tcase_add_test(cases, what_is_larger_than_an_hour_passes_when_nothing_else_did);
    tcase_add_test(cases, none_is_no_number);
    tcase_add_test(cases, a_clock_that_goes_back_gives_nothing);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
