/* SPDX-License-Identifier: MIT
 *
 * Modified UTF-7 (RFC 3501 5.1.3): each name has one spelling, and every other is refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/utf7.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IN(text) text, sizeof(text) - 1

static const struct {
    const char *name;
    const char *utf8;
    const char *utf7;
} both[] = {
    {"empty", "", ""},
    {"ASCII", "INBOX.Sent Items~", "INBOX.Sent Items~"},
    {"an ampersand", "R&D", "R&-D"},
    {"two ampersands", "&&", "&-&-"},
    {"the RFC's example",
     "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
     "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
    {"one letter", "Entw\xc3\xbcrfe", "Entw&APw-rfe"},
    {"two letters fill other bits", "\xc3\xbc\xc3\xbc", "&APwA,A-"},
    {"three letters fill all bits", "\xc3\xbc\xc3\xbc\xc3\xbc", "&APwA,AD8-"},
    {"an ampersand ends a shift", "\xc3\xbc&\xc3\xbc", "&APw-&-&APw-"},
    {"a minus behind a shift", "\xc3\xbc-", "&APw--"},
    {"a surrogate pair", "\xf0\x9f\x98\x80", "&2D3eAA-"},
    {"the last code point", "\xf4\x8f\xbf\xbf", "&2,,f,w-"},
    {"a control octet", "\x01", "&AAE-"},
    {"DEL", "\x7f", "&AH8-"},
};

START_TEST(there_and_back)
{
    struct buf out;

    buf_init(&out, 1024);
    ck_assert(buf_append_str(&out, "x"));
    ck_assert_msg(utf7_encode(span_of(both[_i].utf8), &out), "%s", both[_i].name);
    ck_assert_msg(strcmp(buf_str(&out) + 1, both[_i].utf7) == 0, "%s: %s", both[_i].name,
                  buf_str(&out));
    buf_reset(&out);
    ck_assert(buf_append_str(&out, "x"));
    ck_assert_msg(utf7_decode(span_of(both[_i].utf7), &out), "%s", both[_i].name);
    ck_assert_msg(strcmp(buf_str(&out) + 1, both[_i].utf8) == 0, "%s: %s", both[_i].name,
                  buf_str(&out));
    buf_release(&out);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    size_t n;
} bad[] = {
    {"a shift without an end", IN("&APw")},
    {"an ampersand at the end", IN("a&")},
    {"two shifts side by side", IN("&U,BTFw-&ZeVnLIqe-")},
    {"ASCII in a shift", IN("&AGEAYgBj-")},
    {"a slash that hides in a shift", IN("&AC8-")},
    {"dots that hide in a shift", IN("&AC4ALg-")},
    {"an ampersand in a shift", IN("&ACY-")},
    {"spare bits that are set", IN("&APx-")},
    {"too few bits", IN("&AP-")},
    {"one digit too many", IN("&APwA-")},
    {"a slash among the digits", IN("&U/BTFw-")},
    {"padding", IN("&APw=-")},
    {"an 8-bit octet", IN("\xc3\xbc")},
    {"an 8-bit octet in a shift", IN("&AP\xc3-")},
    {"a control octet", IN("a\x01")},
    {"DEL", IN("a\x7f")},
    {"NUL", IN("a\0")},
    {"NUL in a shift", IN("&AAA-")},
    {"the first half of a pair", IN("&2D0-")},
    {"the second half of a pair", IN("&3gA-")},
    {"halves in the wrong order", IN("&3gDYPQ-")},
    {"the first half twice", IN("&2D3YPd4A-")},
    {"the first half, then a letter", IN("&2D0A,A-")},
};

START_TEST(refused)
{
    struct buf out;

    buf_init(&out, 1024);
    ck_assert(buf_append_str(&out, "before"));
    ck_assert_msg(!utf7_decode((struct span){bad[_i].in, bad[_i].n}, &out), "%s: %s", bad[_i].name,
                  buf_str(&out));
    ck_assert_str_eq(buf_str(&out), "before");
    buf_release(&out);
}
END_TEST

START_TEST(bad_utf8_is_not_encoded)
{
    struct buf out;

    buf_init(&out, 1024);
    ck_assert(!utf7_encode(SPAN("a\xc3"), &out));
    ck_assert(!utf7_encode(SPAN("\xed\xa0\x80"), &out));
    ck_assert(!utf7_encode(SPAN("\xc0\xaf"), &out));
    ck_assert(!utf7_encode(SPAN("a\0b"), &out));
    ck_assert_uint_eq(out.len, 0);
    buf_release(&out);
}
END_TEST

START_TEST(a_full_buffer_stays_as_it_was)
{
    struct buf out;

    for (size_t max = 0; max < 8; max++) {
        buf_init(&out, max);
        ck_assert(!utf7_encode(SPAN("R&\xc3\xbc"), &out)); /* R&-&APw- */
        ck_assert_uint_eq(out.len, 0);
        buf_release(&out);
    }
    buf_init(&out, 2);
    ck_assert(!utf7_decode(SPAN("a&APw-"), &out));
    ck_assert_uint_eq(out.len, 0);
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("utf7");
    TCase *t = tcase_create("utf7");

    tcase_add_loop_test(t, there_and_back, 0, COUNT(both));
    tcase_add_loop_test(t, refused, 0, COUNT(bad));
    tcase_add_test(t, bad_utf8_is_not_encoded);
    tcase_add_test(t, a_full_buffer_stays_as_it_was);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
