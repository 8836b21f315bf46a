/* SPDX-License-Identifier: MIT
 *
 * Which route mail for a domain takes, and what the routes of a configuration look like.
 */
#include <check.h>
#include <stdlib.h>

#include "doorstep/config.h"

static const char routes[] =
    "domain d.example {}\n"
    "route home { next_hop = \"192.0.2.9:24\" protocol = lmtp }\n"
    "route exact { domains = {\"one.example\", \"M\xc3\xbcnchen.example\"}\n"
    "    next_hop = \"192.0.2.1:25\" }\n"
    "route below { domains = {\"*.one.example\"} next_hop = \"[::1]:24\"\n"
    "    protocol = lmtp }\n"
    "route late { domains = {\"one.example\", \"two.example\"}\n"
    "    next_hop = \"unix:/late\" }\n";
static const char smarthost[] = "relay { smarthost = \"Mail.Example.net:587\" }\n";
static const char all[] = "route rest { domains = {\"*\"} next_hop = \"rest.example:25\" }\n";

static struct config *
parse(const char *more)
{
    struct buf text, errors;
    struct config *c;

    buf_init(&text, 4096);
    buf_init(&errors, 4096);
    ck_assert(buf_printf(&text, "%s%s", routes, more));
    c = config_parse(buf_str(&text), "t", &errors);
    ck_assert_msg(c != NULL, "%s", buf_str(&errors));
    buf_release(&errors);
    buf_release(&text);
    return c;
}

static const struct {
    const char *domain;
    const char *more;
    const char *route; /* NULL: none */
} cases[] = {
    {"one.example", "", "exact"},     {"xn--mnchen-3ya.example", "", "exact"},
    {"a.one.example", "", "below"},   {"a.b.one.example", "", "below"},
    {"aone.example", "", NULL},       {".one.example", "", NULL},
    {"two.example", "", "late"},      {"three.example", "", NULL},
    {"three.example", smarthost, ""}, {"one.example", smarthost, "exact"},
    {"three.example", all, "rest"},   {"[192.0.2.1]", all, "rest"},
    {"[192.0.2.1]", "", NULL},
};

START_TEST(route_of_a_domain)
{
    struct config *c = parse(cases[_i].more);
    const struct settings_route *found =
        settings_route_of_domain(config_settings(c), cases[_i].domain);

    if (cases[_i].route == NULL)
        ck_assert_msg(found == NULL, "%s goes nowhere", cases[_i].domain);
    else
        ck_assert_msg(found != NULL &&
                          found == settings_find_route(config_settings(c), cases[_i].route),
                      "%s takes route '%s'", cases[_i].domain, cases[_i].route);
    config_free(c);
}
END_TEST

START_TEST(next_hops_are_ready_to_connect_to)
{
    struct config *c = parse(smarthost);
    const struct settings *s = config_settings(c);
    const struct settings_next_hop *host = &settings_find_route(s, "")->next_hop;
    const struct settings_next_hop *six = &settings_find_route(s, "below")->next_hop;

    ck_assert_str_eq(host->host, "mail.example.net");
    ck_assert_uint_eq(host->port, 587);
    ck_assert(!host->is_number);
    ck_assert_str_eq(six->host, "::1");
    ck_assert(six->is_number);
    ck_assert_str_eq(settings_find_route(s, "late")->next_hop.path, "/late");
    ck_assert(settings_find_route(s, "late")->next_hop.is_unix);
    ck_assert_uint_eq(settings_find_route(s, "home")->domain_count, 0); /* for `forward` alone */
    ck_assert_ptr_null(settings_find_route(s, "none"));
    ck_assert(settings_has_relay(s));
    config_free(c);
}
END_TEST

START_TEST(without_next_hops_nothing_leaves)
{
    struct config *c = config_parse("domain d.example {} relay { retry = 1min }", "t", NULL);

    ck_assert_ptr_nonnull(c);
    ck_assert(!settings_has_relay(config_settings(c)));
    ck_assert_ptr_null(settings_find_route(config_settings(c), ""));
    ck_assert_ptr_null(settings_route_of_domain(config_settings(c), "a.example"));
    config_free(c);
}
END_TEST

static const struct {
    const char *more;
    enum redirect_sender sender;
    const char *domain;
} redirects[] = {
    {"", REDIRECT_ORIGINAL, "d.example"},
    {"relay { srs_secret_file = /s }", REDIRECT_SRS, "d.example"},
    {"relay { srs_secret_file = /s srs_domain = srs.example }", REDIRECT_SRS, "srs.example"},
    {"relay { srs_secret_file = /s redirect_sender = null }", REDIRECT_NULL, "d.example"},
    {"relay { redirect_sender = recipient }", REDIRECT_RECIPIENT, "d.example"},
};

START_TEST(sender_of_redirected_mail)
{
    struct config *c = parse(redirects[_i].more);

    ck_assert_int_eq(config_settings(c)->relay.redirect_sender, redirects[_i].sender);
    ck_assert_str_eq(config_settings(c)->relay.srs_domain, redirects[_i].domain);
    config_free(c);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("routes");
    TCase *tcase = tcase_create("routes");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, route_of_a_domain, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, next_hops_are_ready_to_connect_to);
    tcase_add_test(tcase, without_next_hops_nothing_leaves);
    tcase_add_loop_test(tcase, sender_of_redirected_mail, 0,
                        sizeof(redirects) / sizeof(redirects[0]));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
