/* SPDX-License-Identifier: MIT
 *
 * The path grammar of RFC 5321 and RFC 6531 as a table: what is an address, what it means, and
 * every malformed form that once took a mail server down.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doorstep/address.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IN(text) text, sizeof(text) - 1

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define A256 A64 A64 A64 A64
#define L63 A16 A16 A16 "aaaaaaaaaaaaaaa"
#define D255 L63 "." L63 "." L63 "." L63

enum {
    N = ADDRESS_ALLOW_NULL,
    P = ADDRESS_ALLOW_POSTMASTER,
    U = ADDRESS_ALLOW_UTF8,
};

static const struct {
    const char *name;
    const char *in;
    size_t n;
    unsigned flags;
    const char *local;
    const char *domain;
    const char *rest;
} good[] = {
    {"plain", IN("<ann@example.org>"), 0, "ann", "example.org", ""},
    {"parameters behind", IN("<ann@example.org> SIZE=5"), 0, "ann", "example.org", " SIZE=5"},
    {"the domain's case goes, the local part's stays", IN("<Ann@EXAMPLE.Org>"), 0, "Ann",
     "example.org", ""},
    {"every atext character", IN("<!#$%&'*+-/=?^_`{|}~09azAZ@x>"), 0, "!#$%&'*+-/=?^_`{|}~09azAZ",
     "x", ""},
    {"dots between atoms", IN("<a.b.c@x.y>"), 0, "a.b.c", "x.y", ""},
    {"quoted, needlessly", IN("<\"ann\"@x>"), 0, "ann", "x", ""},
    {"quoted space", IN("<\"a b\"@x>"), 0, "a b", "x", ""},
    {"quoted brackets, commas and at-signs", IN("<\"<a>,:;@(b)[c]\"@x>"), 0, "<a>,:;@(b)[c]", "x",
     ""},
    {"escaped quote", IN("<\"a\\\"b\"@x>"), 0, "a\"b", "x", ""},
    {"escaped backslash", IN("<\"a\\\\b\"@x>"), 0, "a\\b", "x", ""},
    {"backslash before the closing quote is escaped itself", IN("<\"a\\\\\"@x>"), 0, "a\\", "x",
     ""},
    {"a needless escape", IN("<\"\\a\\n\\n\"@x>"), 0, "ann", "x", ""},
    {"escaped space", IN("<\"a\\ b\"@x>"), 0, "a b", "x", ""},
    {"quoted dots where atoms have none", IN("<\".a..b.\"@x>"), 0, ".a..b.", "x", ""},
    {"empty quoted local part", IN("<\"\"@x>"), 0, "", "x", ""},
    {"null reverse-path", IN("<>"), N, "", "", ""},
    {"null reverse-path with parameters", IN("<> BODY=7BIT"), N, "", "", " BODY=7BIT"},
    {"bare postmaster", IN("<postmaster>"), P, "postmaster", "", ""},
    {"bare postmaster in any case", IN("<PostMASTER> X=y"), P, "postmaster", "", " X=y"},
    {"postmaster with a domain", IN("<Postmaster@x>"), P, "Postmaster", "x", ""},
    {"one source route", IN("<@relay.example:ann@x>"), 0, "ann", "x", ""},
    {"a longer source route", IN("<@a.example,@b.example,@[10.0.0.1]:ann@x>"), 0, "ann", "x", ""},
    {"source route before a quoted local part", IN("<@a:\"b c\"@x>"), 0, "b c", "x", ""},
    {"IPv4 literal", IN("<ann@[192.0.2.1]>"), 0, "ann", "[192.0.2.1]", ""},
    {"IPv6 literal", IN("<ann@[IPv6:2001:DB8::1]>"), 0, "ann", "[IPv6:2001:db8::1]", ""},
    {"general literal", IN("<ann@[x-tag:Some>thing]>"), 0, "ann", "[x-tag:Some>thing]", ""},
    {"subaddress", IN("<ann+lists@x>"), 0, "ann+lists", "x", ""},
    {"64 octets of local part", IN("<" A64 "@x>"), 0, A64, "x", ""},
    {"256 octets of a sender's local part", IN("<" A256 "@x>"), N, A256, "x", ""},
    {"a long local part of SRS", IN("<srs1=" A64 A64 A64 "@x>"), P, "srs1=" A64 A64 A64, "x", ""},
    {"255 octets of domain", IN("<a@" D255 ">"), 0, "a", D255, ""},
    {"UTF-8 local part", IN("<j\xc3\xb6rg@x>"), U, "j\xc3\xb6rg", "x", ""},
    {"UTF-8 in quotes", IN("<\"j\xc3\xb6 rg\"@x>"), U, "j\xc3\xb6 rg", "x", ""},
    {"U-labels become A-labels", IN("<a@m\xc3\xbcnchen.example>"), U, "a", "xn--mnchen-3ya.example",
     ""},
};

START_TEST(good_path)
{
    struct arena arena;
    struct address a;
    struct span rest;

    arena_init(&arena, 8192);
    enum address_result result = address_parse_path((struct span){good[_i].in, good[_i].n},
                                                    good[_i].flags, &arena, &a, &rest);
    ck_assert_msg(result == ADDRESS_OK, "%s", good[_i].name);
    ck_assert_msg(strcmp(a.local, good[_i].local) == 0, "%s: local %s", good[_i].name, a.local);
    ck_assert_msg(strcmp(a.domain, good[_i].domain) == 0, "%s: domain %s", good[_i].name, a.domain);
    ck_assert_msg(span_equal(rest, span_of(good[_i].rest)), "%s: rest", good[_i].name);
    ck_assert_msg(a.is_null == (good[_i].n >= 2 && good[_i].in[1] == '>'), "%s: null",
                  good[_i].name);
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    size_t n;
    unsigned flags;
    enum address_result result;
} bad[] = {
    {"nothing", IN(""), N | P | U, ADDRESS_SYNTAX},
    {"opening bracket alone", IN("<"), N | P | U, ADDRESS_SYNTAX},
    {"no brackets", IN("ann@example.org"), N | P | U, ADDRESS_SYNTAX},
    {"a space before the bracket", IN(" <ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a space inside in front", IN("< ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a space inside at the end", IN("<ann@x >"), N | P | U, ADDRESS_SYNTAX},
    {"two brackets", IN("<<ann@x>>"), N | P | U, ADDRESS_SYNTAX},
    {"null path where a recipient belongs", IN("<>"), P | U, ADDRESS_SYNTAX},
    {"bare postmaster where a sender belongs", IN("<postmaster>"), N | U, ADDRESS_SYNTAX},
    {"quoted bare postmaster", IN("<\"postmaster\">"), P, ADDRESS_SYNTAX},
    {"bare local part", IN("<ann>"), N | P | U, ADDRESS_SYNTAX},
    {"empty quoted local part and no domain", IN("<\"\">"), N | P | U, ADDRESS_SYNTAX},
    {"no local part", IN("<@x>"), N | P | U, ADDRESS_SYNTAX},
    {"no domain", IN("<a@>"), N | P | U, ADDRESS_SYNTAX},
    {"only an at-sign", IN("<@>"), N | P | U, ADDRESS_SYNTAX},
    {"two at-signs", IN("<a@b@c>"), N | P | U, ADDRESS_SYNTAX},
    {"no closing bracket", IN("<ann@x"), N | P | U, ADDRESS_SYNTAX},
    {"unterminated quote", IN("<\"ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a quote that its backslash keeps open", IN("<\"\\\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"backslash at the end of the buffer", IN("<\"a\\"), N | P | U, ADDRESS_SYNTAX},
    {"a quote at the end of the buffer", IN("<\"a\""), N | P | U, ADDRESS_SYNTAX},
    {"a quote in mid-atom", IN("<a\"b\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"text behind the quote", IN("<\"a\"b@x>"), N | P | U, ADDRESS_SYNTAX},
    {"backslash without quotes", IN("<a\\b@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a comment", IN("<ann(comment)@x>"), N | P | U, ADDRESS_SYNTAX},
    {"an unterminated comment", IN("<(ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a group", IN("<group:ann@x;>"), N | P | U, ADDRESS_SYNTAX},
    {"an empty group", IN("<:;>"), N | P | U, ADDRESS_SYNTAX},
    {"two addresses", IN("<ann@x,bob@x>"), N | P | U, ADDRESS_SYNTAX},
    {"leading dot", IN("<.ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"trailing dot", IN("<ann.@x>"), N | P | U, ADDRESS_SYNTAX},
    {"two dots", IN("<a..b@x>"), N | P | U, ADDRESS_SYNTAX},
    {"only a dot", IN("<.@x>"), N | P | U, ADDRESS_SYNTAX},
    {"route without a mailbox", IN("<@a:>"), N | P | U, ADDRESS_SYNTAX},
    {"route without an end", IN("<@a,@b"), N | P | U, ADDRESS_SYNTAX},
    {"route without a colon", IN("<@a ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"route with an empty domain", IN("<@:ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"route with a trailing comma", IN("<@a,:ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"route with a domain that is none", IN("<@-a:ann@x>"), N | P | U, ADDRESS_SYNTAX},
    {"route before the null path", IN("<@a:>"), N, ADDRESS_SYNTAX},
    {"NUL in the local part", IN("<a\0b@x>"), N | P | U, ADDRESS_SYNTAX},
    {"NUL in quotes", IN("<\"a\0b\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"escaped NUL", IN("<\"a\\\0\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"NUL in the domain", IN("<a@x\0.org>"), N | P | U, ADDRESS_SYNTAX},
    {"NUL in a literal", IN("<a@[x:\0]>"), N | P | U, ADDRESS_SYNTAX},
    {"CR LF in quotes", IN("<\"a\r\nb\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a tab in quotes", IN("<\"a\tb\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"DEL in quotes", IN("<\"a\177b\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"LF in the domain", IN("<a@x\n>"), N | P | U, ADDRESS_SYNTAX},
    {"unterminated literal", IN("<a@[1.2.3.4>"), N | P | U, ADDRESS_SYNTAX},
    {"text behind a literal", IN("<a@[1.2.3.4].x>"), N | P | U, ADDRESS_SYNTAX},
    {"UTF-8 that was not announced", IN("<j\xc3\xb6rg@x>"), N | P, ADDRESS_SYNTAX},
    {"U-label that was not announced", IN("<a@m\xc3\xbcnchen.example>"), N | P, ADDRESS_SYNTAX},
    {"UTF-8 cut short", IN("<j\xc3@x>"), N | P | U, ADDRESS_SYNTAX},
    {"UTF-8 cut short in quotes", IN("<\"j\xe2\x82\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"UTF-8 cut short in the domain", IN("<a@m\xc3>"), N | P | U, ADDRESS_SYNTAX},
    {"NEL, a C1 control", IN("<a\xc2\x85@x>"), N | P | U, ADDRESS_SYNTAX},
    {"CSI in quotes, a C1 control", IN("<\"a\xc2\x9b\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a line separator", IN("<a\xe2\x80\xa8@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a paragraph separator in quotes", IN("<\"\xe2\x80\xa9\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"overlong UTF-8", IN("<a\xc0\xaf@x>"), N | P | U, ADDRESS_SYNTAX},
    {"a UTF-8 surrogate", IN("<a\xed\xa0\x80@x>"), N | P | U, ADDRESS_SYNTAX},
    {"escaped UTF-8", IN("<\"\\\xc3\xb6\"@x>"), N | P | U, ADDRESS_SYNTAX},
    {"65 octets of local part", IN("<" A64 "a@x>"), P | U, ADDRESS_TOO_LONG},
    {"65 octets with the quotes", IN("<\"" A16 A16 A16 "aaaaaaaaaaaaaaa\"@x>"), P | U,
     ADDRESS_TOO_LONG},
    {"257 octets of a sender's local part", IN("<" A256 "a@x>"), N | U, ADDRESS_TOO_LONG},
    {"257 octets of a local part of SRS", IN("<SRS0" A256 "@x>"), P | U, ADDRESS_TOO_LONG},
    {"65 octets, and SRS somewhere", IN("<a" A64 "SRS0@x>"), P | U, ADDRESS_TOO_LONG},
    {"256 octets of domain", IN("<a@" D255 "a>"), N | P | U, ADDRESS_TOO_LONG},
    {"a route that passes the longest path", IN("<@" D255 ",@" D255 ",@" D255 ",@" D255 ":a@x>"),
     N | P | U, ADDRESS_TOO_LONG},
};

START_TEST(bad_path)
{
    struct arena arena;
    struct address a;
    struct span rest;

    arena_init(&arena, 8192);
    /* Copied to the end of a block of its own size, so that the sanitizer sees one octet too far.
     */
    char *copy = malloc(bad[_i].n + 1);
    memcpy(copy, bad[_i].in, bad[_i].n);
    copy = realloc(copy, bad[_i].n > 0 ? bad[_i].n : 1);
    enum address_result result =
        address_parse_path((struct span){copy, bad[_i].n}, bad[_i].flags, &arena, &a, &rest);
    free(copy);
    ck_assert_msg(result == bad[_i].result, "%s: %d", bad[_i].name, result);
    arena_release(&arena);
}
END_TEST

START_TEST(a_path_of_the_longest_length)
{
    char in[ADDRESS_PATH_MAX + 2] = "<";
    struct arena arena;
    struct address a;
    struct span rest;

    arena_init(&arena, 8192);
    /* "<@a,@a,...:a@x>" padded by the length of the last domain */
    size_t n = 1;
    while (n + 3 < ADDRESS_PATH_MAX - 70) {
        memcpy(in + n, "@a,", 3);
        n += 3;
    }
    in[n++] = '@';
    size_t pad = ADDRESS_PATH_MAX - n - 5;
    for (size_t i = 0; i < pad; i++)
        in[n + i] = i % 2 == 0 ? 'b' : i + 1 < pad ? '.' : 'b';
    memcpy(in + n + pad, ":a@x>", 5);
    ck_assert_int_eq(address_parse_path((struct span){in, ADDRESS_PATH_MAX}, 0, &arena, &a, &rest),
                     ADDRESS_OK);
    memmove(in + n + 1, in + n, pad + 5);
    ck_assert_int_eq(
        address_parse_path((struct span){in, ADDRESS_PATH_MAX + 1}, 0, &arena, &a, &rest),
        ADDRESS_TOO_LONG);
    arena_release(&arena);
}
END_TEST

START_TEST(every_prefix_of_a_path_is_refused)
{
    static const char path[] =
        "<@a.example,@[IPv6:::1]:\"j\xc3\xb6 \\\"x\"@m\xc3\xbcnchen.example>";
    struct arena arena;
    struct address a;
    struct span rest;

    arena_init(&arena, 65536);
    for (size_t n = 0; n < sizeof(path) - 1; n++) {
        char *copy = malloc(n > 0 ? n : 1);
        memcpy(copy, path, n);
        ck_assert_int_ne(address_parse_path((struct span){copy, n}, U, &arena, &a, &rest),
                         ADDRESS_OK);
        free(copy);
    }
    ck_assert_int_eq(address_parse_path(span_of(path), U, &arena, &a, &rest), ADDRESS_OK);
    arena_release(&arena);
}
END_TEST

START_TEST(without_memory)
{
    struct arena arena;
    struct address a;
    struct span rest;

    arena_init(&arena, 1);
    ck_assert_int_eq(address_parse_path(SPAN("<ann@example.org>"), 0, &arena, &a, &rest),
                     ADDRESS_NO_MEMORY);
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    unsigned flags;
    enum address_result result;
    const char *printed;
} mailboxes[] = {
    {"plain", "ann@EXAMPLE.org", 0, ADDRESS_OK, "ann@example.org"},
    {"the null sender", "", N, ADDRESS_OK, ""},
    {"nothing where somebody must be", "", 0, ADDRESS_SYNTAX, NULL},
    {"postmaster alone", "Postmaster", P, ADDRESS_OK, "postmaster"},
    {"a name alone", "ann", P | N, ADDRESS_SYNTAX, NULL},
    {"brackets", "<ann@x>", 0, ADDRESS_SYNTAX, NULL},
    {"text behind", "ann@x y", 0, ADDRESS_SYNTAX, NULL},
    {"a route has no place here", "@a:ann@x", 0, ADDRESS_SYNTAX, NULL},
    {"needless quotes go", "\"ann\"@x", 0, ADDRESS_OK, "ann@x"},
    {"needed quotes stay", "\"a b\"@x", 0, ADDRESS_OK, "\"a b\"@x"},
    {"quotes and backslashes are escaped", "\"a\\\"\\\\\\b\"@x", 0, ADDRESS_OK, "\"a\\\"\\\\b\"@x"},
    {"an empty local part needs quotes", "\"\"@x", 0, ADDRESS_OK, "\"\"@x"},
    {"a leading dot needs quotes", "\".a\"@x", 0, ADDRESS_OK, "\".a\"@x"},
    {"a trailing dot needs quotes", "\"a.\"@x", 0, ADDRESS_OK, "\"a.\"@x"},
    {"two dots need quotes", "\"a..b\"@x", 0, ADDRESS_OK, "\"a..b\"@x"},
    {"literal", "ann@[192.0.2.1]", 0, ADDRESS_OK, "ann@[192.0.2.1]"},
};

START_TEST(mailbox)
{
    struct arena arena;
    struct address a;
    struct buf out;

    arena_init(&arena, 8192);
    buf_init(&out, 1024);
    enum address_result result =
        address_parse_mailbox(span_of(mailboxes[_i].in), mailboxes[_i].flags, &arena, &a);
    ck_assert_msg(result == mailboxes[_i].result, "%s", mailboxes[_i].name);
    if (result == ADDRESS_OK) {
        ck_assert(address_print(&a, &out));
        ck_assert_str_eq(buf_str(&out), mailboxes[_i].printed);
    }
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *name;
    const char *a, *b;
    bool equal, equal_folded;
} pairs[] = {
    {"the same", "ann@x", "ann@X", true, true},
    {"another case", "Ann@x", "aNN@x", false, true},
    {"another domain", "ann@x", "ann@y", false, false},
    {"quotes mean nothing", "\"ann\"@x", "ann@x", true, true},
    {"A-label and U-label", "a@m\xc3\xbcnchen.example", "a@xn--mnchen-3ya.example", true, true},
    {"case beyond ASCII", "J\xc3\x96RG@x", "j\xc3\xb6rg@x", false, true},
    {"composed and decomposed", "j\xc3\xb6rg@x", "jo\xcc\x88rg@x", false, true},
    {"null and null", "", "", true, true},
    {"null and somebody", "", "ann@x", false, false},
    {"null and an empty local part", "", "\"\"@x", false, false},
};

START_TEST(equal)
{
    struct arena arena;
    struct address a, b;

    arena_init(&arena, 8192);
    ck_assert_int_eq(address_parse_mailbox(span_of(pairs[_i].a), N | U, &arena, &a), ADDRESS_OK);
    ck_assert_int_eq(address_parse_mailbox(span_of(pairs[_i].b), N | U, &arena, &b), ADDRESS_OK);
    ck_assert_msg(address_equal(&a, &b, false) == pairs[_i].equal, "%s", pairs[_i].name);
    ck_assert_msg(address_equal(&a, &b, true) == pairs[_i].equal_folded, "%s", pairs[_i].name);
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *name;
    const char *in;
    bool is_utf8;
} utf8[] = {
    {"ASCII needs no SMTPUTF8", "ann@x", false},
    {"a UTF-8 local part does", "j\xc3\xb6rg@x", true},
    {"a U-label does", "a@m\xc3\xbcnchen.example", true},
    {"an A-label does not", "a@xn--mnchen-3ya.example", false},
};

START_TEST(needs_utf8)
{
    struct arena arena;
    struct address a;

    arena_init(&arena, 8192);
    ck_assert_int_eq(address_parse_mailbox(span_of(utf8[_i].in), U, &arena, &a), ADDRESS_OK);
    ck_assert_msg(a.is_utf8 == utf8[_i].is_utf8, "%s", utf8[_i].name);
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *name;
    uint8_t flags;
    const char *local;
    const char *domain;
    bool ok;
} packed[] = {
    {"plain", 0, "ann", "example.org", true},
    {"null", 1, "", "", true},
    {"UTF-8", 2, "j\xc3\xb6rg", "example.org", true},
    {"postmaster", 0, "postmaster", "", true},
    {"null with a local part", 1, "ann", "", false},
    {"null with a domain", 1, "", "x", false},
    {"somebody without a domain", 0, "ann", "", false},
    {"nobody that is not null", 0, "", "", false},
    {"unknown flags", 4, "ann", "x", false},
    {"CR LF in the local part", 0, "a\r\nb", "x", false},
    {"bad UTF-8", 2, "\xc3", "x", false},
    {"upper case domain", 0, "ann", "X", false},
    {"U-label domain", 2, "ann", "m\xc3\xbcnchen.example", false},
    {"no domain at all", 0, "ann", "x y", false},
    {"a path for a domain", 0, "ann", "../x", false},
    {"a long local part", 0, A256 "a", "x", false},
};

START_TEST(unpacked)
{
    struct buf out;
    struct pack p;
    struct unpack u;
    struct arena arena;
    struct address a;

    arena_init(&arena, 8192);
    buf_init(&out, 4096);
    pack_init(&p, &out);
    pack_u8(&p, packed[_i].flags);
    pack_str(&p, packed[_i].local);
    pack_str(&p, packed[_i].domain);
    unpack_init(&u, buf_span(&out));
    bool ok = address_unpack(&a, &arena, &u) && unpack_done(&u);
    ck_assert_msg(ok == packed[_i].ok, "%s", packed[_i].name);
    if (ok) {
        struct buf again;
        buf_init(&again, 4096);
        pack_init(&p, &again);
        address_pack(&a, &p);
        ck_assert(span_equal(buf_span(&out), buf_span(&again)));
        buf_release(&again);
    }
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("address");
    TCase *t = tcase_create("address");

    tcase_add_loop_test(t, good_path, 0, COUNT(good));
    tcase_add_loop_test(t, bad_path, 0, COUNT(bad));
    tcase_add_test(t, a_path_of_the_longest_length);
    tcase_add_test(t, every_prefix_of_a_path_is_refused);
    tcase_add_test(t, without_memory);
    tcase_add_loop_test(t, mailbox, 0, COUNT(mailboxes));
    tcase_add_loop_test(t, equal, 0, COUNT(pairs));
    tcase_add_loop_test(t, needs_utf8, 0, COUNT(utf8));
    tcase_add_loop_test(t, unpacked, 0, COUNT(packed));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
