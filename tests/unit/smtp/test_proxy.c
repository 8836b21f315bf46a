/* SPDX-License-Identifier: MIT
 *
 * PROXY headers: what each says, every truncation of each, and what is none.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_priv.h"
#include "proxy_priv.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FOUR "\xc0\x00\x02\x07\xc0\x00\x02\x01\xdc\x04\x00\x19" /* 192.0.2.7:56324 to .1:25 */
#define SIX                                                                                        \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xdc\x04" \
    "\x00\x19"

struct header {
    const char *name;
    struct span in;
    const char *seen; /* by print(); NULL: it is none */
};

/* "peer port", and what the type-length-values say. */
static void
print(const struct proxy_header *h, char out[1024])
{
    char peer[PEER_TEXT_SIZE] = "-", port[PEER_PORT_SIZE] = "-";

    if (h->has_client) {
        peer_print(&h->source, peer);
        peer_print_port(&h->source, port);
    }
    snprintf(out, 1024, "%s %s%s%s", peer, port, h->is_tls ? " tls" : "",
             h->is_client_verified ? " verified" : "");
    for (size_t i = 0; i < 5; i++) {
        const char *text[] = {h->tls_version, h->tls_cipher, h->client_cn, h->authority,
                              h->unique_id};

        if (text[i][0] != '\0')
            snprintf(out + strlen(out), 1024 - strlen(out), " %c=%s", "vcnai"[i], text[i]);
    }
}

#define TEXT(text) SPAN(text)
#define V2(command, family, length, rest) SPAN(SIGNATURE command family "\0" length rest)

static const struct header headers[] = {
    {"version 1, IPv4", SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\r\n"), "192.0.2.7 56324"},
    {"version 1, IPv6", SPAN("PROXY TCP6 2001:DB8::7 2001:db8::1 56324 25\r\n"),
     "IPv6:2001:db8::7 56324"},
    {"version 1, an IPv4 address in IPv6", SPAN("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"),
     "192.0.2.7 1"},
    {"version 1, unknown", SPAN("PROXY UNKNOWN\r\n"), "- -"},
    {"version 1, unknown with whatever behind it",
     SPAN("PROXY UNKNOWN ffff::1 frob \x01 65535\r\n"), "- -"},
    {"version 1, the longest line",
     SPAN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "- -"},
    {"version 1, ports at their ends", SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 0 65535\r\n"),
     "192.0.2.7 "},
    {"version 2, IPv4", V2("\x21", "\x11", "\x0c", FOUR), "192.0.2.7 56324"},
    {"version 2, IPv6", V2("\x21", "\x21", "\x24", SIX), "IPv6:2001:db8::7 56324"},
    {"version 2, local", V2("\x20", "\x00", "\x00", ""), "- -"},
    {"version 2, local with addresses that do not count", V2("\x20", "\x11", "\x0c", FOUR), "- -"},
    {"version 2, local with anything", V2("\x20", "\xff", "\x05", "\x03\xff\xff??"), "- -"},
    {"version 2, no family", V2("\x21", "\x00", "\x02", "??"), "- -"},
    {"a host name",
     V2("\x21", "\x11", "\x16",
        FOUR "\x02\0\x07"
             "mx.test"),
     "192.0.2.7 56324 a=mx.test"},
    {"an id that can be printed",
     V2("\x21", "\x11", "\x14",
        FOUR "\x05\0\x05"
             "4F1B2"),
     "192.0.2.7 56324 i=4F1B2"},
    {"an id of any octets", V2("\x21", "\x11", "\x12", FOUR "\x05\0\x03\x00\xff\x0a"),
     "192.0.2.7 56324 i=00ff0a"},
    {"padding, also twice", V2("\x21", "\x11", "\x15", FOUR "\x04\0\x03???\x04\0\0"),
     "192.0.2.7 56324"},
    {"types that nobody knows, also twice",
     V2("\x21", "\x11", "\x16", FOUR "\xee\0\x02\x02\x00\xee\0\x02\r\n"), "192.0.2.7 56324"},
    {"TLS",
     V2("\x21", "\x11", "\x3e",
        FOUR "\x20\0\x2f\x07\0\0\0\0"
             "\x21\0\x07"
             "TLSv1.3"
             "\x22\0\x06"
             "client"
             "\x23\0\x14"
             "ECDHE-RSA-AES128-GCM"),
     "192.0.2.7 56324 tls verified v=TLSv1.3 c=ECDHE-RSA-AES128-GCM n=client"},
    {"TLS with a certificate that was not found good",
     V2("\x21", "\x11", "\x14", FOUR "\x20\0\x05\x03\0\0\0\x12"), "192.0.2.7 56324 tls"},
    {"TLS without a certificate: nothing to find good",
     V2("\x21", "\x11", "\x14", FOUR "\x20\0\x05\x01\0\0\0\0"), "192.0.2.7 56324 tls"},
    {"no TLS, whatever else it says", V2("\x21", "\x11", "\x14", FOUR "\x20\0\x05\x06\0\0\0\0"),
     "192.0.2.7 56324"},
    {"unknown types inside of TLS",
     V2("\x21", "\x11", "\x19", FOUR "\x20\0\x0a\x01\0\0\0\0\x99\0\x02??"), "192.0.2.7 56324 tls"},

    {"nothing of the kind", SPAN("EHLO client.test\r\n"), NULL},
    {"version 1 in lower case", SPAN("proxy TCP4 192.0.2.7 192.0.2.1 56324 25\r\n"), NULL},
    {"version 1, two spaces", SPAN("PROXY TCP4  192.0.2.7 192.0.2.1 56324 25\r\n"), NULL},
    {"version 1, a space at the end", SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 56324 25 \r\n"), NULL},
    {"version 1, a field too many", SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 56324 25 1\r\n"), NULL},
    {"version 1, a field too few", SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 56324\r\n"), NULL},
    {"version 1, nothing", SPAN("PROXY \r\n"), NULL},
    {"version 1, datagrams", SPAN("PROXY UDP4 192.0.2.7 192.0.2.1 56324 25\r\n"), NULL},
    {"version 1, the wrong family", SPAN("PROXY TCP4 ::1 ::2 56324 25\r\n"), NULL},
    {"version 1, zeros in front of an address",
     SPAN("PROXY TCP4 192.000.2.7 192.0.2.1 56324 25\r\n"), NULL},
    {"version 1, zeros in front of a port", SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 056324 25\r\n"),
     NULL},
    {"version 1, a port too high", SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 65536 25\r\n"), NULL},
    {"version 1, a sign", SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 +1 25\r\n"), NULL},
    {"version 1, NUL in an address", SPAN("PROXY TCP4 192.0.2.7\0 192.0.2.1 1 25\r\n"), NULL},
    {"version 1, an interface behind the address", SPAN("PROXY TCP6 fe80::1%lo ::1 1 25\r\n"),
     NULL},
    {"version 1, LF alone", SPAN("PROXY UNKNOWN\n"), NULL},
    {"version 1, CR inside", SPAN("PROXY UNKNOWN \r \r\n"), NULL},
    {"version 1, CR and something else", SPAN("PROXY UNKNOWN\r\r\n"), NULL},
    {"version 1, a line too long by one",
     SPAN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"),
     NULL},
    {"version 2, a signature with one octet changed",
     SPAN("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" FOUR), NULL},
    {"version 3", V2("\x31", "\x11", "\x0c", FOUR), NULL},
    {"version 2, a command that is none", V2("\x22", "\x11", "\x0c", FOUR), NULL},
    {"version 2, datagrams", V2("\x21", "\x12", "\x0c", FOUR), NULL},
    {"version 2, a family that is none", V2("\x21", "\x41", "\x0c", FOUR), NULL},
    {"version 2, half a family", V2("\x21", "\x10", "\x0c", FOUR), NULL},
    {"version 2, addresses cut off", V2("\x21", "\x21", "\x0c", FOUR), NULL},
    {"version 2, too long", SPAN(SIGNATURE "\x21\x11\x10\x00"), NULL},
    {"a value cut off", V2("\x21", "\x11", "\x10", FOUR "\x02\0\x02?"), NULL},
    {"a length cut off", V2("\x21", "\x11", "\x0e", FOUR "\x02\0"), NULL},
    {"a value longer than all", V2("\x21", "\x11", "\x10", FOUR "\x04\xff\xff?"), NULL},
    {"a host name twice", V2("\x21", "\x11", "\x14", FOUR "\x02\0\x01x\x02\0\x01y"), NULL},
    {"a host name with a line end", V2("\x21", "\x11", "\x12", FOUR "\x02\0\x03x\r\n"), NULL},
    {"a host name with NUL", V2("\x21", "\x11", "\x12", FOUR "\x02\0\x03x\0y"), NULL},
    {"TLS cut off", V2("\x21", "\x11", "\x13", FOUR "\x20\0\x04\x01\0\0\0"), NULL},
    {"a value inside of TLS that reaches beyond it",
     V2("\x21", "\x11", "\x18", FOUR "\x20\0\x09\x01\0\0\0\0\x21\0\x02T\x04"), NULL},
    {"a checksum of three octets", V2("\x21", "\x11", "\x12", FOUR "\x03\0\x03\0\0\0"), NULL},
    {"a checksum that is wrong", V2("\x21", "\x11", "\x13", FOUR "\x03\0\x04\0\0\0\0"), NULL},
};

START_TEST(a_header_says)
{
    const struct header *t = &headers[_i];
    struct proxy_header h;
    char seen[1024];
    size_t used;
    enum proxy_result result = proxy_parse(t->in, &h, &used);

    if (t->seen == NULL) {
        ck_assert_msg(result == PROXY_BAD, "%s: result %d", t->name, result);
        return;
    }
    ck_assert_msg(result == PROXY_DONE, "%s: result %d", t->name, result);
    ck_assert_msg(used == t->in.n, "%s: %zu octets", t->name, used);
    print(&h, seen);
    ck_assert_msg(strcmp(seen, t->seen) == 0, "%s: %s", t->name, seen);
}
END_TEST

/* On memory of its own length, so that the sanitizer sees a look beyond it. */
static enum proxy_result
parse_exactly(struct span in, struct proxy_header *h, size_t *used)
{
    char *copy = malloc(in.n + 1) /* for 0 */, *end = copy + 1;
    enum proxy_result result;

    ck_assert_ptr_nonnull(copy);
    memcpy(end, in.p, in.n);
    result = proxy_parse((struct span){end, in.n}, h, used);
    free(copy);
    return result;
}

START_TEST(every_truncation_wants_more_or_is_refused)
{
    const struct header *t = &headers[_i];

    for (size_t n = 0; n < t->in.n; n++) {
        struct proxy_header h;
        size_t used;
        enum proxy_result result = parse_exactly((struct span){t->in.p, n}, &h, &used);

        ck_assert_msg(result != PROXY_DONE, "%s: done after %zu octets", t->name, n);
        ck_assert_msg(t->seen == NULL || result == PROXY_MORE, "%s: refused after %zu octets",
                      t->name, n);
    }
}
END_TEST

START_TEST(what_follows_is_not_the_headers)
{
    const struct header *t = &headers[_i];
    struct proxy_header h;
    char more[1024];
    size_t used;

    if (t->seen == NULL)
        return;
    memcpy(more, t->in.p, t->in.n);
    memcpy(more + t->in.n, "EHLO c\r\n", 8);
    ck_assert_int_eq(proxy_parse((struct span){more, t->in.n + 8}, &h, &used), PROXY_DONE);
    ck_assert_uint_eq(used, t->in.n);
}
END_TEST

/* The checksum was made by another program (a table in Python, which gives e3069283 for
 * "123456789"). Any octet that is changed is found: but where a type or a length makes something
 * else of the checksum, so that there is none any more. */
START_TEST(a_checksum_finds_every_changed_octet)
{
    char in[] = SIGNATURE "\x21\x11\0\x1a" FOUR "\x03\0\x04\x10\x27\x1b\x3e"
                          "\x02\0\x04mx.t";
    struct span whole = {in, sizeof(in) - 1};
    struct proxy_header h;
    size_t used;

    ck_assert_int_eq(proxy_parse(whole, &h, &used), PROXY_DONE);
    for (size_t i = 16; i < whole.n; i++) {
        in[i] ^= 0x40;
        ck_assert_msg(proxy_parse(whole, &h, &used) == PROXY_BAD || (i >= 28 && i < 31) || i == 35,
                      "octet %zu", i);
        in[i] ^= 0x40;
    }
}
END_TEST

START_TEST(a_unix_client_of_the_proxy_is_nobody_here)
{
    char in[16 + 216 + 3] = SIGNATURE "\x21\x31\0\xdb/run/secret.sock";
    struct proxy_header h;
    size_t used;

    memcpy(in + 16 + 216, "\x04\0\0", 3);
    ck_assert_int_eq(proxy_parse((struct span){in, sizeof(in)}, &h, &used), PROXY_DONE);
    ck_assert(!h.has_client);
    ck_assert_uint_eq(used, sizeof(in));
}
END_TEST

START_TEST(texts_have_a_longest)
{
    static char in[16 + 12 + 3 + 600] = SIGNATURE "\x21\x11";
    struct proxy_header h;
    size_t used, base = 16 + 12 + 3;

    memcpy(in + 16, FOUR, 12);
    memset(in + base, 'x', 600);
    for (size_t n = 120; n < 270; n++) {
        for (int type = 0x02; type <= 0x05; type += 3) {
            size_t max = type == 0x02 ? PROXY_TEXT_SIZE - 1 : 128;

            in[28] = (char)type;
            in[29] = (char)(n >> 8);
            in[30] = (char)n;
            in[14] = (char)((15 + n) >> 8);
            in[15] = (char)(15 + n);
            ck_assert_int_eq(proxy_parse((struct span){in, base + n}, &h, &used),
                             n <= max ? PROXY_DONE : PROXY_BAD);
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proxy");
    TCase *cases = tcase_create("proxy");
    SRunner *runner = srunner_create(suite);
    int failed, count = (int)(sizeof(headers) / sizeof(headers[0]));

    suite_add_tcase(suite, cases);
    tcase_add_loop_test(cases, a_header_says, 0, count);
    tcase_add_loop_test(cases, every_truncation_wants_more_or_is_refused, 0, count);
    tcase_add_loop_test(cases, what_follows_is_not_the_headers, 0, count);
    tcase_add_test(cases, a_checksum_finds_every_changed_octet);
    tcase_add_test(cases, a_unix_client_of_the_proxy_is_nobody_here);
    tcase_add_test(cases, texts_have_a_longest);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
