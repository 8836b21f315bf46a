/* SPDX-License-Identifier: MIT
 *
 * Base64 of every wrong kind, and the names of mechanisms.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/sasl.h"

static const struct {
    struct span text;
    const char *octets; /* NULL: refused */
} rows[] = {
    {SPAN(""), ""},
    {SPAN("QQ=="), "A"},
    {SPAN("QUI="), "AB"},
    {SPAN("QUJD"), "ABC"},
    {SPAN("+/+/"), "\xfb\xff\xbf"},
    {SPAN("Q"), NULL},
    {SPAN("QQ"), NULL},
    {SPAN("QQ="), NULL},
    {SPAN("QQ==="), NULL},
    {SPAN("QUJD="), NULL},
    {SPAN("===="), NULL},
    {SPAN("="), NULL},
    {SPAN("QR=="), NULL}, /* bits left over */
    {SPAN("QUJ="), NULL},
    {SPAN("QQ==QQ=="), NULL},
    {SPAN("-_-_"), NULL}, /* of URLs */
    {SPAN(" QUJD"), NULL},
    {SPAN("QUJD "), NULL},
    {SPAN("QU JD"), NULL},
    {SPAN("QUJD\r"), NULL},
    {SPAN("QUJD\n"), NULL},
    {SPAN("QU\0D"), NULL},
    {SPAN("\0"), NULL},
    {SPAN("QUJ\xc3"), NULL},
    {SPAN("QUJ*"), NULL},
    {SPAN("*"), NULL},
};

START_TEST(base64_is_strict)
{
    char out[16];
    size_t n;
    bool is_good = sasl_decode(rows[_i].text, out, sizeof(out), &n);

    ck_assert_msg(is_good == (rows[_i].octets != NULL), "row %d", _i);
    if (is_good) {
        ck_assert_uint_eq(n, strlen(rows[_i].octets));
        ck_assert_mem_eq(out, rows[_i].octets, n);
    }
}
END_TEST

START_TEST(only_the_alphabet)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (int c = 0; c < 256; c++) {
        char text[4] = {'Q', 'U', 'J', (char)c}, out[4];
        bool is_letter = c != 0 && strchr(letters, c) != NULL;
        size_t n;

        ck_assert_msg(sasl_decode((struct span){text, 4}, out, sizeof(out), &n) == is_letter,
                      "octet %d", c);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    char out[2];
    size_t n;

    ck_assert(sasl_decode(SPAN("QUI="), out, sizeof(out), &n));
    ck_assert(!sasl_decode(SPAN("QUJD"), out, sizeof(out), &n));
}
END_TEST

START_TEST(encoded_is_decoded)
{
    char text[SASL_TEXT_SIZE(300)], again[300], octets[300];
    size_t n;

    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (char)(i * 7);
    for (size_t size = 0; size <= sizeof(octets); size++) {
        sasl_encode((struct span){octets, size}, text);
        ck_assert(sasl_decode(span_of(text), again, sizeof(again), &n));
        ck_assert_uint_eq(n, size);
        ck_assert_mem_eq(again, octets, size);
    }
}
END_TEST

START_TEST(mechanisms_have_names)
{
    enum sasl_mechanism m;

    for (unsigned i = 0; i < SASL_MECHANISM_COUNT; i++) {
        ck_assert(sasl_mechanism_find(span_of(sasl_mechanism_name((enum sasl_mechanism)i)), &m));
        ck_assert_uint_eq(m, i);
    }
    ck_assert(sasl_mechanism_find(SPAN("scram-sha-256"), &m));
    ck_assert(!sasl_mechanism_find(SPAN("SCRAM-SHA-25"), &m));
    ck_assert(!sasl_mechanism_find(SPAN("PLAIN\0"), &m));
    ck_assert(sasl_is_weak(SPAN("cram-md5")));
    ck_assert(!sasl_is_weak(SPAN("PLAIN")));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sasl");
    TCase *t = tcase_create("sasl");
    SRunner *r = srunner_create(s);

    tcase_add_loop_test(t, base64_is_strict, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(t, only_the_alphabet);
    tcase_add_test(t, what_does_not_fit_is_refused);
    tcase_add_test(t, encoded_is_decoded);
    tcase_add_test(t, mechanisms_have_names);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
