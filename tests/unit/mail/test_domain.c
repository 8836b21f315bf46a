/* SPDX-License-Identifier: MIT
 *
 * Domains in every spelling: one name, one canonical text; what is no domain is refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/address.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define A16 "aaaaaaaaaaaaaaaa"
#define L63 A16 A16 A16 "aaaaaaaaaaaaaaa"
#define D255 L63 "." L63 "." L63 "." L63

static const struct {
    const char *name;
    const char *in;
    const char *out; /* NULL: refused */
} rows[] = {
    {"plain", "example.org", "example.org"},
    {"upper case", "EXAMPLE.Org", "example.org"},
    {"one label", "localhost", "localhost"},
    {"digits first", "3com.example", "3com.example"},
    {"all digits", "123.45", "123.45"},
    {"inner hyphens", "a-b--c.example", "a-b--c.example"},
    {"an underscore, as senders have them", "foo_bar.example", "foo_bar.example"},
    {"63 octets of label", L63 ".x", L63 ".x"},
    {"64 octets of label", L63 "a.x", NULL},
    {"255 octets", D255, D255},
    {"256 octets", D255 "a", NULL},
    {"empty", "", NULL},
    {"a dot", ".", NULL},
    {"leading dot", ".example", NULL},
    {"trailing dot", "example.", NULL},
    {"two dots", "a..b", NULL},
    {"leading hyphen", "-a.example", NULL},
    {"trailing hyphen", "a-.example", NULL},
    {"a space", "a b", NULL},
    {"a slash", "a/b", NULL},
    {"two dots and a slash", "../x", NULL},
    {"a percent sign", "%{user}", NULL},
    {"a control octet", "a\x01", NULL},
    {"U-label", "m\xc3\xbcnchen.example", "xn--mnchen-3ya.example"},
    {"U-label in upper case", "M\xc3\x9cNCHEN.Example", "xn--mnchen-3ya.example"},
    {"U-label, decomposed", "mu\xcc\x88nchen.example", "xn--mnchen-3ya.example"},
    {"A-label in upper case", "XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"},
    {"sharp s is a letter of its own",
     "stra\xc3\x9f"
     "e.example",
     "xn--strae-oqa.example"},
    {"an ideographic full stop",
     "a\xe3\x80\x82"
     "example",
     "a.example"},
    {"full-width letters", "\xef\xbd\x81\xef\xbd\x82.example", "ab.example"},
    {"a full-width slash", "a\xef\xbc\x8f.example", NULL},
    {"a full-width at-sign", "a\xef\xbc\xa0.example", NULL},
    {"Chinese", "\xe4\xbe\x8b\xe5\xad\x90.example", "xn--fsqu00a.example"},
    {"bad UTF-8", "m\xfcnchen.example", NULL},
    {"UTF-8 cut short", "a\xc3", NULL},
    {"a zero-width space alone", "\xe2\x80\x8b", NULL},
    {"a bidirectional override", "a\xe2\x80\xae.example", NULL},
    {"an emoji is no IDNA2008 label", "\xf0\x9f\x98\x80.example", NULL},
    {"IPv4", "[192.0.2.1]", "[192.0.2.1]"},
    {"IPv4 with leading zeros", "[192.000.002.001]", "[192.0.2.1]"},
    {"IPv4 above 255", "[192.0.2.256]", NULL},
    {"IPv4 with four digits", "[192.0.2.0001]", NULL},
    {"IPv4 of three parts", "[192.0.2]", NULL},
    {"IPv4 of five parts", "[192.0.2.1.1]", NULL},
    {"IPv4 with an empty part", "[192..2.1]", NULL},
    {"IPv4 with a trailing dot", "[192.0.2.]", NULL},
    {"IPv4 with a minus", "[192.0.2.-1]", NULL},
    {"IPv6", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
    {"IPv6 in another spelling", "[ipv6:2001:0DB8:0:0:0:0:0:0001]", "[IPv6:2001:db8::1]"},
    {"IPv6 with IPv4 inside", "[IPv6:::ffff:192.0.2.1]", "[IPv6:::ffff:192.0.2.1]"},
    {"IPv6 without its tag", "[2001:db8::1]", "[2001:db8::1]"},
    {"IPv6 that starts with a colon, without its tag", "[::1]", NULL},
    {"IPv6 too long", "[IPv6:1:2:3:4:5:6:7:8:9]", NULL},
    {"IPv6 with a zone", "[IPv6:fe80::1%eth0]", NULL},
    {"IPv6 with nothing", "[IPv6:]", NULL},
    {"general", "[x-new:a!~b]", "[x-new:a!~b]"},
    {"general without content", "[x-new:]", NULL},
    {"general without a tag", "[:x]", NULL},
    {"general with a tag that ends in a hyphen", "[x-:a]", NULL},
    {"general with a bracket", "[x:a[b]", NULL},
    {"general with a backslash", "[x:a\\b]", NULL},
    {"general with a space", "[x:a b]", NULL},
    {"an empty literal", "[]", NULL},
    {"an opening bracket", "[", NULL},
    {"a closing bracket", "]", NULL},
    {"no closing bracket", "[192.0.2.1", NULL},
};

START_TEST(normalized)
{
    char out[ADDRESS_DOMAIN_MAX + 1], again[ADDRESS_DOMAIN_MAX + 1];
    bool ok = domain_normalize(span_of(rows[_i].in), out, sizeof(out));

    ck_assert_msg(ok == (rows[_i].out != NULL), "%s", rows[_i].name);
    if (!ok)
        return;
    ck_assert_msg(strcmp(out, rows[_i].out) == 0, "%s: %s", rows[_i].name, out);
    ck_assert(domain_normalize(span_of(out), again, sizeof(again)));
    ck_assert_str_eq(out, again);
}
END_TEST

START_TEST(a_nul_is_refused)
{
    char out[ADDRESS_DOMAIN_MAX + 1];

    ck_assert(!domain_normalize(SPAN("a\0b"), out, sizeof(out)));
    ck_assert(!domain_normalize(SPAN("\xc3\xbc\0b"), out, sizeof(out)));
    ck_assert(!domain_normalize(SPAN("[IPv6:::1\0]"), out, sizeof(out)));
    ck_assert(!domain_normalize(SPAN("[1.2.3.4\0]"), out, sizeof(out)));
    ck_assert(!domain_normalize(SPAN("[x:a\0]"), out, sizeof(out)));
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    char out[12];

    ck_assert(domain_normalize(SPAN("example.org"), out, sizeof(out)));
    ck_assert(!domain_normalize(SPAN("example.info"), out, sizeof(out)));
    ck_assert(!domain_normalize(SPAN("m\xc3\xbcnchen"), out, sizeof(out)));
    ck_assert(domain_normalize(SPAN("[192.0.2.1]"), out, sizeof(out)));
    ck_assert(!domain_normalize(SPAN("[192.0.2.10]"), out, sizeof(out)));
    ck_assert(!domain_normalize(SPAN("[IPv6:1::12]"), out, sizeof(out)));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("domain");
    TCase *t = tcase_create("domain");

    tcase_add_loop_test(t, normalized, 0, COUNT(rows));
    tcase_add_test(t, a_nul_is_refused);
    tcase_add_test(t, what_does_not_fit_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
