/* SPDX-License-Identifier: MIT
 *
 * Messages for next hops that take ASCII alone: which parts are encoded and how, what is refused,
 * and that reads of any size give the same.
 */
#include <check.h>
#include <stdlib.h>

#include "convert_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define E_ACUTE "\xc3\xa9"
#define TEXT_8BIT                                                                                  \
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
#define TEXT_QUOTED                                                                                \
    "Content-Type: text/plain; charset=utf-8\r\n"                                                  \
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
#define VERSION "MIME-Version: 1.0\r\n"
#define MIXED(more) VERSION "Content-Type: multipart/mixed; boundary=b\r\n" more "\r\n"
#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"
#define HEADER_WHY "the next hop takes ASCII alone, and a header field cannot be encoded"
#define PART_WHY "the next hop takes ASCII alone, and a part may not be encoded"
#define SIGNED_WHY "the next hop takes ASCII alone, and what is signed may not be changed"

struct text {
    struct span octets;
    size_t read_max;
};

static ssize_t
read_text(void *arg, uint64_t at, void *out, size_t n)
{
    const struct text *t = arg;

    n = n > t->read_max ? t->read_max : n;
    n = n > t->octets.n - at ? t->octets.n - (size_t)at : n;
    memcpy(out, t->octets.p + at, n);
    return (ssize_t)n;
}

/* NULL where it is refused. */
static const char *
convert(struct span message, size_t read_max, struct buf *out)
{
    struct text text = {message, read_max};
    struct relay_job job = {.octets = message.n};
    struct source source = {&job, read_text, &text};
    struct convert *c = convert_new(&source);
    const char *why;
    char octets[4096];
    ssize_t n;

    ck_assert_ptr_nonnull(c);
    if (convert_plan(c, &why)) {
        while ((n = convert_read(c, octets, read_max < 4096 ? read_max : 4096)) > 0)
            ck_assert(buf_append(out, octets, (size_t)n));
        ck_assert_int_eq(n, 0);
    }
    convert_free(c);
    return why;
}

static const struct {
    const char *name;
    struct span message;
    const char *expected; /* or why it is refused */
} conversions[] = {
    {"text becomes quoted-printable, line by line",
     SPAN(VERSION TEXT_8BIT E_ACUTE " = 1 \r\nb\t\r\n c\r\n"),
     VERSION TEXT_QUOTED "=C3=A9 =3D 1=20\r\nb=09\r\n c\r\n"},
    {"a line that is too long is broken softly", SPAN(VERSION TEXT_8BIT LONG LONG E_ACUTE "\r\n"),
     VERSION TEXT_QUOTED LONG "01234=\r\n56789"
                              "012345678901234567890123456789012345678901234567890123456789"
                              "=C3=A9\r\n"},
    {"controls, a bare CR and a last line without end",
     SPAN(VERSION TEXT_8BIT E_ACUTE "\0\r\x01 \rx "),
     VERSION TEXT_QUOTED "=C3=A9=00=0D=01 =0Dx=20"},
    {"a message of LF has lines, too",
     SPAN("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
          "Content-Transfer-Encoding: 8bit\n\n" E_ACUTE "\nb\n"),
     "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\n=C3=A9\r\nb\r\n"},
    {"what is no text becomes base64",
     SPAN(VERSION "Content-Type: image/png\r\nContent-Transfer-Encoding: BINARY\r\n"
                  "X-A: b\r\n\r\n\x89PNG\r\n\x1a\n" LONG),
     VERSION "Content-Type: image/png\r\nX-A: b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
             "iVBORw0KGgowMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4\r\n"
             "OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"},
    {"a message from before MIME says what is known of it",
     SPAN("Subject: a\r\n\r\n" E_ACUTE "\r\n"),
     "Subject: a\r\n" VERSION "Content-Type: text/plain; charset=unknown-8bit\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n"},
    {"only parts that need it are touched, and labels of what is around them",
     SPAN(MIXED("Content-Transfer-Encoding: 8bit\r\n") "before " E_ACUTE "\r\n--b\r\n" TEXT_8BIT
              E_ACUTE "\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>\r\n--b\r\n" TEXT_8BIT
                                                       "ascii\r\n--b--\r\nafter " E_ACUTE),
     MIXED("Content-Transfer-Encoding: 7bit\r\n") "before ##\r\n--b\r\n" TEXT_QUOTED
                                                  "=C3=A9\r\n--b\r\nContent-Type: "
                                                  "text/html\r\n\r\n<b>\r\n--b\r\n"
                                                  "Content-Type: text/plain; "
                                                  "charset=utf-8\r\nContent-Transfer-Encoding: "
                                                  "7bit\r\n\r\n"
                                                  "ascii\r\n--b--\r\nafter ##"},
    {"the line end before a boundary is not the part's",
     SPAN(MIXED("") "--b\r\n" TEXT_8BIT E_ACUTE "\r\n\r\n--b--\r\n"),
     MIXED("") "--b\r\n" TEXT_QUOTED "=C3=A9\r\n\r\n--b--\r\n"},
    {"a message inside a message",
     SPAN(MIXED("") "--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                    "Subject: " E_ACUTE "\r\n" TEXT_8BIT E_ACUTE "\r\n--b--\r\n"),
     MIXED("") "--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
               "Subject: =?utf-8?B?w6k=?=\r\n" TEXT_QUOTED "=C3=A9\r\n--b--\r\n"},
    {"fields of text become encoded words",
     SPAN("X-A: b\r\nSubject: a\r\n " E_ACUTE "\r\nX-Note: \xe9\r\n\r\nascii\r\n"),
     "X-A: b\r\nSubject: =?utf-8?B?YSDDqQ==?=\r\nX-Note: =?utf-8?B?w6k=?=\r\n\r\nascii\r\n"},
    {"names of people become encoded words, their addresses stay",
     SPAN("To: Ren" E_ACUTE
          " <a@example.org>,\r\n \"D, J\" <\"b c\"@example.org>, d@[192.0.2.1]\r\n\r\n"),
     "To: \r\n =?utf-8?B?UmVuw6k=?=\r\n <a@example.org>,\r\n \"D, J\"\r\n "
     "<\"b c\"@example.org>,\r\n <d@[192.0.2.1]>\r\n\r\n"},
    {"names of groups, too",
     SPAN("Cc: " E_ACUTE ": a@example.org, " E_ACUTE " <b@example.org>;, c@example.org\r\n\r\n"),
     "Cc: \r\n =?utf-8?B?w6k=?=:\r\n <a@example.org>,\r\n =?utf-8?B?w6k=?=\r\n "
     "<b@example.org>;,\r\n <c@example.org>\r\n\r\n"},
    {"values of parameters become RFC 2231's",
     SPAN(VERSION
          "Content-Type: application/pdf; x=\"a\\\"b\"; y*=us-ascii''a%20b;\r\n name=\"R" E_ACUTE
          " 1.pdf\"\r\n\r\nx"),
     VERSION "Content-Type: application/pdf;\r\n x=\"a\\\"b\";\r\n y*=us-ascii''a%20b;\r\n "
             "name*=utf-8''R%C3%A9%201%2Epdf\r\n\r\nx"},
    {"a header without a body", SPAN("Subject: " E_ACUTE "\r\n"), "Subject: =?utf-8?B?w6k=?=\r\n"},
    {"quoted-printable that is not is mended", SPAN(VERSION TEXT_QUOTED "a=3D" E_ACUTE "=\r\n"),
     VERSION TEXT_QUOTED "a=3D=C3=A9=\r\n"},
    {"so is base64",
     SPAN(VERSION "Content-Transfer-Encoding: base64\r\nContent-Type: a/b\r\n\r\nAA" E_ACUTE
                  "AA\r\n"),
     VERSION "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nAA##AA\r\n"},
    {"nothing is touched where nothing is wrong", SPAN("Subject: a\r\n\r\nb\r\n"),
     "Subject: a\r\n\r\nb\r\n"},
    {"a part that is signed and has no eight bits stays, whatever its label",
     SPAN(VERSION "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n" TEXT_8BIT
                  "ascii\r\n--b--\r\n" E_ACUTE),
     VERSION "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n" TEXT_8BIT
             "ascii\r\n--b--\r\n##"},

    {"a line that is broken softly becomes no boundary",
     SPAN(MIXED("") "--b\r\n" TEXT_8BIT LONG "01234--b\r\n" E_ACUTE "\r\n--b--\r\n"),
     MIXED("") "--b\r\n" TEXT_QUOTED LONG "01234=\r\n=2D-b\r\n=C3=A9\r\n--b--\r\n"},
    {"nor does base64 without what is none of it",
     SPAN(MIXED("") "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n-\xa7-b\r\n--b--\r\n"),
     MIXED("") "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n##-b\r\n--b--\r\n"},
    {"nor quoted-printable with what was hidden",
     SPAN(VERSION "Content-Type: multipart/mixed; boundary=\"=A7b\"\r\n\r\n--=A7b\r\n" TEXT_QUOTED
                  "--\xa7"
                  "b\r\n--=A7b--\r\n"),
     VERSION "Content-Type: multipart/mixed; boundary=\"=A7b\"\r\n\r\n--=A7b\r\n" TEXT_QUOTED
             "=2D-=A7b\r\n--=A7b--\r\n"},

    /* refused */
    {"a boundary that what is filled in could become",
     SPAN(VERSION "Content-Type: multipart/mixed; boundary=\"#b\"\r\n\r\n--\xa7"
                  "b\r\n--#b\r\n\r\n" E_ACUTE "\r\n--#b--\r\n"),
     "the next hop takes ASCII alone, and a boundary is none"},
    {"a boundary that ends at a control octet for some",
     SPAN(VERSION "Content-Type: multipart/mixed; boundary=b\r\0x" E_ACUTE
                  "\r\n\r\n--b\r\n\r\n" E_ACUTE "\r\n--b--\r\n"),
     HEADER_WHY},
    {"a fold with a CR too many is one",
     SPAN(VERSION "Content-Type: a/n\r\r\n ;a=\"" E_ACUTE "\"\r\n\r\nx"),
     VERSION "Content-Type: a/n;\r\n a*=utf-8''%C3%A9\r\n\r\nx"},
    {"a name that begins like one", SPAN("--b: " E_ACUTE "\r\n\r\n"), HEADER_WHY},
    {"what is signed",
     SPAN(VERSION "Content-Type: multipart/Signed; boundary=b\r\n\r\n--b\r\n" TEXT_8BIT E_ACUTE
                  "\r\n--b--\r\n"),
     SIGNED_WHY},
    {"a header inside what is signed",
     SPAN(VERSION "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
                  "Content-Description: " E_ACUTE "\r\n\r\na\r\n--b--\r\n"),
     SIGNED_WHY},
    {"raw octets in an address", SPAN("To: a <" E_ACUTE "@example.org>, b@example.org\r\n\r\n"),
     HEADER_WHY},
    {"raw octets in a domain", SPAN("To: a@" E_ACUTE ".example\r\n\r\n"), HEADER_WHY},
    {"raw octets and no address", SPAN("To: " E_ACUTE "\r\n\r\n"), HEADER_WHY},
    {"raw octets behind an address", SPAN("To: a@example.org, " E_ACUTE "\r\n\r\n"), HEADER_WHY},
    {"raw octets in an identifier", SPAN("Message-ID: <" E_ACUTE "@a>\r\n\r\n"), HEADER_WHY},
    {"raw octets in a boundary",
     SPAN(VERSION "Content-Type: multipart/mixed; boundary=\"" E_ACUTE "\"\r\n\r\n"), HEADER_WHY},
    {"raw octets in a type", SPAN("Content-Type: " E_ACUTE "/b; name=a\r\n\r\n"), HEADER_WHY},
    {"raw octets in a parameter's name", SPAN("Content-Type: a/b; " E_ACUTE "=a\r\n\r\n"),
     HEADER_WHY},
    {"raw octets in a name", SPAN(E_ACUTE ": a\r\n\r\n"), HEADER_WHY},
    {"raw octets in a line that is no field", SPAN("A: b\r\nfoo " E_ACUTE "\r\n\r\n"), HEADER_WHY},
    {"an encoding that nobody knows",
     SPAN("Content-Transfer-Encoding: x-uuencode\r\n\r\n" E_ACUTE "\r\n"), PART_WHY},
    {"half a message", SPAN("Content-Type: message/partial\r\n\r\n" E_ACUTE "\r\n"), PART_WHY},
};

START_TEST(conversion)
{
    static const size_t reads[] = {1, 2, 3, 7, 100, 65536};

    for (size_t i = 0; i < COUNT(reads); i++) {
        struct buf out;
        buf_init(&out, 1 << 20);
        const char *why = convert(conversions[_i].message, reads[i], &out);
        ck_assert_str_eq(why != NULL ? why : buf_str(&out), conversions[_i].expected);
        buf_release(&out);
    }
}
END_TEST

START_TEST(a_message_that_cannot_be_read)
{
    struct text text = {SPAN("Subject: a\r\n\r\nb\r\n"), 100};
    struct relay_job job = {.octets = text.octets.n + 1};
    struct source source = {&job, read_text, &text};

    ck_assert_ptr_null(convert_new(&source));
}
END_TEST

/* More parts than anybody counts. */
START_TEST(too_many_parts_are_told)
{
    struct text text = {.read_max = 65536};
    struct relay_job job = {0};
    struct source source = {&job, read_text, &text};
    struct convert *c;
    struct buf message;

    buf_init(&message, 1 << 22);
    buf_append_str(&message, MIXED(""));
    for (unsigned i = 0; i < MIME_PARTS_MAX + 1; i++)
        buf_append_str(&message, "--b\r\n\r\n" E_ACUTE "\r\n");
    text.octets = buf_span(&message);
    job.octets = message.len;
    c = convert_new(&source);
    ck_assert_ptr_nonnull(c);
    ck_assert(convert_has_8bit(c) && !convert_is_whole(c));
    convert_free(c);
    buf_release(&message);
}
END_TEST

/* The scanner keeps lines without CR: the whole block of short ones is longer on the wire. */
START_TEST(the_largest_header_block_is_converted)
{
    struct buf message, out;

    buf_init(&message, 1 << 22);
    buf_init(&out, 1 << 22);
    while (message.len < MIME_HEADER_MAX / 4 * 5)
        buf_append_str(&message, message.len == 0 ? "A:" E_ACUTE "\r\n" : "B:\r\n");
    buf_append_str(&message, "\r\nbody\r\n");
    ck_assert_ptr_null(convert(buf_span(&message), 65536, &out));
    ck_assert_uint_gt(out.len, message.len);
    buf_release(&message);
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("relay_client_convert");
    TCase *tc = tcase_create("convert");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, conversion, 0, COUNT(conversions));
    tcase_add_test(tc, a_message_that_cannot_be_read);
    tcase_add_test(tc, the_largest_header_block_is_converted);
    tcase_add_test(tc, too_many_parts_are_told);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
