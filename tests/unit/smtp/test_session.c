/* SPDX-License-Identifier: MIT
 *
 * Dialogues as tables: what the client sends, what it sees, what the store was given. Each runs
 * whole, octet by octet and in pieces of 7, with answers at once, later, and later in reverse: all
 * nine must look the same.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_store.h"

#define HELLO "LHLO c.test\r\n"
#define FROM "MAIL FROM:<s@x.test>\r\n"
#define TO(name) "RCPT TO:<" name "@d.test>\r\n"
#define OPEN HELLO FROM TO("ann")

/* Replies, as short as can be: the introduction's many lines are cut to its first by the runner. */
#define S_HELLO "250-mx.test\r\n"
#define S_OK "250 2.0.0 ok\r\n"
#define S_FROM "250 2.1.0 sender ok\r\n"
#define S_TO(name) "250 2.1.5 <" name "@d.test> recipient ok\r\n"
#define S_UNKNOWN(name) "550 5.1.1 <" name "@d.test> no such mailbox\r\n"
#define S_OPEN S_HELLO S_FROM S_TO("ann")
#define S_DATA "354 end with CRLF.CRLF\r\n"
#define S_DONE(name) "250 2.1.5 <" name "@d.test> delivered ID\r\n"
#define S_BYE "221 2.0.0 bye\r\n"
#define S_CHUNK "250 2.0.0 chunk received\r\n"

struct dialogue {
    const char *name;
    const char *input;
    const char *output;   /* behind the greeting */
    const char *messages; /* NULL: none */
};

static const struct dialogue lmtp[] = {
    {"one recipient", OPEN "DATA\r\nhi\r\n.\r\nQUIT\r\n", S_OPEN S_DATA S_DONE("ann") S_BYE,
     "s@x.test>ann@d.test|hi\r\n;"},
    {"an answer for each recipient, in order, each its own",
     HELLO FROM TO("ann") TO("late") TO("bob") TO("gone") "DATA\r\nhi\r\n.\r\n",
     S_HELLO S_FROM S_TO("ann") S_TO("late") S_TO("bob") S_TO("gone") S_DATA S_DONE(
         "ann") "452 4.2.2 <late@d.test> mailbox is full\r\n" S_DONE("bob") S_UNKNOWN("gone"),
     "s@x.test>ann@d.test,late@d.test,bob@d.test,gone@d.test|hi\r\n;"},
    {"a recipient given twice has two answers",
     HELLO FROM TO("ann") TO("ann") "DATA\r\nhi\r\n.\r\n",
     S_HELLO S_FROM S_TO("ann") S_TO("ann") S_DATA S_DONE("ann") S_DONE("ann"),
     "s@x.test>ann@d.test,ann@d.test|hi\r\n;"},
    {"refused recipients have no answer at the end",
     HELLO FROM TO("nobody") TO("ann") TO("full") "DATA\r\nhi\r\n.\r\n",
     S_HELLO S_FROM S_UNKNOWN("nobody")
         S_TO("ann") "452 4.2.2 <full@d.test> mailbox is full\r\n" S_DATA S_DONE("ann"),
     "s@x.test>ann@d.test|hi\r\n;"},
    {"no accepted recipient", HELLO FROM TO("nobody") "DATA\r\nRSET\r\n",
     S_HELLO S_FROM S_UNKNOWN("nobody") "503 5.5.1 no valid recipients\r\n" S_OK, NULL},
    {"commands behind the end of data wait for the answers",
     OPEN "DATA\r\nhi\r\n.\r\nNOOP\r\n" FROM TO("bob") "DATA\r\nho\r\n.\r\nQUIT\r\n",
     S_OPEN S_DATA S_DONE("ann") S_OK S_FROM S_TO("bob") S_DATA S_DONE("bob") S_BYE,
     "s@x.test>ann@d.test|hi\r\n;s@x.test>bob@d.test|ho\r\n;"},
    {"bad recipients between good ones keep their place",
     HELLO FROM TO("ann") "RCPT TO:<a b@d.test>\r\nRCPT\r\n" TO(
         "bob") "RCPT TO:<bob@d.test> X=1\r\n"
                "NOOP\r\n",
     S_HELLO S_FROM S_TO("ann") "553 5.1.3 bad recipient address\r\n"
                                "501 5.5.4 syntax: RCPT TO:<address>\r\n" S_TO(
                                    "bob") "555 5.5.4 unknown parameter\r\n" S_OK,
     NULL},
    {"too many recipients",
     HELLO FROM TO("ann") TO("ann") TO("ann") TO("ann") TO("ann") TO("bob") "NOOP\r\n",
     S_HELLO S_FROM S_TO("ann") S_TO("ann") S_TO("ann") S_TO("ann")
         S_TO("ann") "452 4.5.3 too many recipients\r\n" S_OK,
     NULL},
    {"HELO and EHLO are not for LMTP", "HELO c.test\r\nEHLO c.test\r\n" HELLO,
     "500 5.5.1 this is LMTP: say LHLO\r\n500 5.5.1 this is LMTP: say LHLO\r\n" S_HELLO, NULL},
    {"nothing goes before the introduction", FROM TO("ann") "DATA\r\nNOOP\r\nRSET\r\n",
     "503 5.5.1 introduce yourself first\r\n503 5.5.1 introduce yourself first\r\n"
     "503 5.5.1 introduce yourself first\r\n" S_OK S_OK,
     NULL},
    {"out of sequence", HELLO TO("ann") "DATA\r\n" FROM FROM,
     S_HELLO "503 5.5.1 need MAIL first\r\n503 5.5.1 need MAIL first\r\n" S_FROM
             "503 5.5.1 a transaction is open already\r\n",
     NULL},
    {"a second introduction resets", OPEN HELLO "DATA\r\n",
     S_OPEN S_HELLO "503 5.5.1 need MAIL first\r\n", NULL},
    {"RSET forgets the recipients", OPEN "RSET\r\n" FROM "DATA\r\n",
     S_OPEN S_OK S_FROM "503 5.5.1 no valid recipients\r\n", NULL},
    {"verbs in any case, spaces at the end", "lhlo c.test  \r\nmAiL fRoM:<s@x.test> \r\nnoop \r\n",
     S_HELLO S_FROM S_OK, NULL},
    {"unknown and unwanted verbs", "FOO\r\nEXPN list\r\nSTARTTLS\r\nAUTH PLAIN\r\nETRN x\r\n",
     "500 5.5.1 unknown command\r\n502 5.5.1 command not implemented\r\n"
     "502 5.5.1 command not implemented\r\n502 5.5.1 command not implemented\r\n"
     "500 5.5.1 unknown command\r\n",
     NULL},
    {"garbage", "\r\n NOOP\r\n123\r\nNOOP\tx\r\nNO\x80P\r\nNOOP:\r\n",
     "500 5.5.2 this is no command line\r\n500 5.5.2 this is no command line\r\n"
     "500 5.5.2 this is no command line\r\n500 5.5.2 this is no command line\r\n"
     "500 5.5.2 this is no command line\r\n500 5.5.2 this is no command line\r\n",
     NULL},
    {"a bare LF or CR ends no command", "NOOP\nNOOP\r\nNOOP\rNOOP\r\nNOOP\r\n",
     "500 5.5.2 this is no command line\r\n500 5.5.2 this is no command line\r\n" S_OK, NULL},
    {"arguments where none belong",
     HELLO "QUIT now\r\nRSET x\r\n" FROM TO("ann") "DATA x\r\nNOOP x\r\n",
     S_HELLO
     "501 5.5.4 syntax error in arguments\r\n501 5.5.4 syntax error in arguments\r\n" S_FROM S_TO(
         "ann") "501 5.5.4 syntax error in arguments\r\n" S_OK,
     NULL},
    {"bad introductions", "LHLO\r\nLHLO a b\r\nLHLO <x>\r\nLHLO \xc3\xa4\r\nLHLO [127.0.0.1]\r\n",
     "501 5.5.4 your host name is missing or bad\r\n501 5.5.4 your host name is missing or bad\r\n"
     "501 5.5.4 your host name is missing or bad\r\n501 5.5.4 your host name is missing or "
     "bad\r\n" S_HELLO,
     NULL},
    {"addresses",
     HELLO "MAIL FROM:s@x.test\r\nMAIL FROM:<s@x..test>\r\nMAIL TO:<s@x.test>\r\nMAIL FROM: <>\r\n"
           "RCPT TO:<\"ann b\"@d.test>\r\nRCPT TO:<@a.test,@b.test:ann@d.test>\r\n"
           "RCPT TO:<postmaster>\r\nRCPT TO:<>\r\n",
     S_HELLO
     "501 5.5.4 syntax: MAIL FROM:<address>\r\n553 5.1.7 bad sender address\r\n"
     "501 5.5.4 syntax: MAIL FROM:<address>\r\n" S_FROM
     "250 2.1.5 <\"ann b\"@d.test> recipient ok\r\n" S_TO(
         "ann") "250 2.1.5 <postmaster> recipient ok\r\n553 5.1.3 bad recipient address\r\n",
     NULL},
    {"UTF-8 needs SMTPUTF8",
     HELLO "MAIL FROM:<\xc3\xa4@x.test>\r\nMAIL FROM:<\xc3\xa4@x.test> SMTPUTF8\r\n"
           "RCPT TO:<\xc3\xa4@d.test>\r\nRSET\r\n" FROM "RCPT TO:<\xc3\xa4@d.test>\r\n",
     S_HELLO "553 5.6.7 such an address needs SMTPUTF8\r\n" S_FROM
             "250 2.1.5 <\xc3\xa4@d.test> recipient ok\r\n" S_OK S_FROM
             "553 5.6.7 such an address needs SMTPUTF8\r\n",
     NULL},
    {"SIZE over the limit is refused at MAIL",
     HELLO "MAIL FROM:<> SIZE=1001\r\nMAIL FROM:<> SIZE=1000\r\n",
     S_HELLO "552 5.3.4 message is too big\r\n" S_FROM, NULL},
    {"BINARYMIME needs BDAT",
     HELLO "MAIL FROM:<> BODY=BINARYMIME\r\n" TO("ann") "DATA\r\nBDAT 2 LAST\r\n\n\r",
     S_HELLO S_FROM S_TO("ann") "503 5.5.1 BINARYMIME needs BDAT\r\n" S_DONE("ann"),
     ">ann@d.test|\n\r;"},
    {"dots", OPEN "DATA\r\n..\r\n...\r\n..a\r\n.b\r\na.\r\n.\r\n", S_OPEN S_DATA S_DONE("ann"),
     "s@x.test>ann@d.test|.\r\n..\r\n.a\r\nb\r\na.\r\n;"},
    {"an empty message", OPEN "DATA\r\n.\r\n", S_OPEN S_DATA S_DONE("ann"),
     "s@x.test>ann@d.test|;"},
    {"chunks", OPEN "BDAT 3\r\nabcBDAT 0\r\nBDAT 2 LAST\r\n\r\nNOOP\r\n",
     S_OPEN S_CHUNK S_CHUNK S_DONE("ann") S_OK, "s@x.test>ann@d.test|abc\r\n;"},
    {"chunks have no dots", OPEN "BDAT 9 LAST\r\n.\r\n..\r\n.\r", S_OPEN S_DONE("ann"),
     "s@x.test>ann@d.test|.\r\n..\r\n.\r;"},
    {"an empty last chunk alone", OPEN "BDAT 0 LAST\r\n", S_OPEN S_DONE("ann"),
     "s@x.test>ann@d.test|;"},
    {"commands between chunks",
     OPEN "BDAT 1\r\naDATA\r\nMAIL FROM:<>\r\n" TO("bob") "NOOP\r\nbdat 1 last\r\nb",
     S_OPEN S_CHUNK
     "503 5.5.1 this message came with BDAT, go on with BDAT\r\n"
     "503 5.5.1 a transaction is open already\r\n503 5.5.1 not now\r\n" S_OK S_DONE("ann"),
     "s@x.test>ann@d.test|ab;"},
    {"RSET between chunks", OPEN "BDAT 1\r\naRSET\r\nBDAT 4 LAST\r\nQUIT" FROM,
     S_OPEN S_CHUNK S_OK "503 5.5.1 need MAIL first\r\n" S_FROM, "aborted;"},
    {"a refused chunk is drained",
     "BDAT 6\r\nNOOP\r\n" HELLO "BDAT 6 LAST\r\nNOOP\r\n" FROM "BDAT 6\r\nNOOP\r\nNOOP\r\n",
     "503 5.5.1 introduce yourself first\r\n" S_HELLO "503 5.5.1 need MAIL first\r\n" S_FROM
     "503 5.5.1 no valid recipients\r\n" S_OK,
     NULL},
    {"a chunk without a size ends the session", OPEN "BDAT\r\nNOOP\r\n",
     S_OPEN "501 5.5.4 syntax: BDAT octets [LAST]\r\n", NULL},
    {"a chunk of +5", OPEN "BDAT +5\r\nNOOP\r\n", S_OPEN "501 5.5.4 syntax: BDAT octets [LAST]\r\n",
     NULL},
    {"a chunk of -1", OPEN "BDAT -1\r\nNOOP\r\n", S_OPEN "501 5.5.4 syntax: BDAT octets [LAST]\r\n",
     NULL},
    {"a chunk of 2^63", OPEN "BDAT 9223372036854775808\r\nNOOP\r\n",
     S_OPEN "501 5.5.4 syntax: BDAT octets [LAST]\r\n", NULL},
    {"a chunk of 2^64+1", OPEN "BDAT 18446744073709551617\r\nNOOP\r\n",
     S_OPEN "501 5.5.4 syntax: BDAT octets [LAST]\r\n", NULL},
    {"a chunk with a word", OPEN "BDAT 1 FIRST\r\nNOOP\r\n",
     S_OPEN "501 5.5.4 syntax: BDAT octets [LAST]\r\n", NULL},
    {"VRFY",
     "VRFY\r\nVRFY ann\r\nVRFY <ann@d.test>\r\nVRFY ann@d..test\r\nVRFY a b\r\n"
     "VRFY \xc3\xa4@d.test\r\nVRFY \xc3\xa4@d.test SMTPUTF8\r\n",
     "501 5.5.4 syntax error in arguments\r\n252 2.5.2 send some mail, I will try to deliver it\r\n"
     "252 2.5.2 send some mail, I will try to deliver it\r\n553 5.1.3 bad recipient address\r\n"
     "501 5.5.4 syntax error in arguments\r\n553 5.6.7 such an address needs SMTPUTF8\r\n"
     "252 2.5.2 send some mail, I will try to deliver it\r\n",
     NULL},
    {"too many errors", "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nNOOP\r\n",
     "500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n"
     "500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n"
     "500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n500 5.5.1 unknown command\r\n"
     "500 5.5.1 unknown command\r\n421 4.7.0 too many errors\r\n",
     NULL},
    {"XCLIENT starts anew",
     OPEN "XCLIENT NAME=a\r\nRSET\r\nXCLIENT NAME=a ADDR=IPV6:2001:db8::1\r\n" FROM,
     S_OPEN "503 5.5.1 not now\r\n" S_OK "220 mx.test LMTP Doorstep\r\n"
            "503 5.5.1 introduce yourself first\r\n",
     NULL},
    {"bad XCLIENT and XFORWARD",
     HELLO "XCLIENT\r\nXCLIENT ADDR=300.1.1.1\r\nXCLIENT IDENT=x\r\nXFORWARD ADDR\r\n"
           "XFORWARD NAME=a+0D+0Ab\r\nXFORWARD SOURCE=ELSEWHERE\r\n",
     S_HELLO "501 5.5.4 syntax error in arguments\r\n501 5.5.4 syntax error in arguments\r\n"
             "501 5.5.4 syntax error in arguments\r\n501 5.5.4 syntax error in arguments\r\n"
             "501 5.5.4 syntax error in arguments\r\n501 5.5.4 syntax error in arguments\r\n",
     NULL},
    {"input behind QUIT is thrown away", "QUIT\r\nNOOP\r\n", S_BYE, NULL},
};

static const struct dialogue smtp[] = {
    {"one recipient", "EHLO c.test\r\n" FROM TO("ann") "DATA\r\nhi\r\n.\r\nQUIT\r\n",
     S_HELLO S_FROM S_TO("ann") S_DATA "250 2.1.5 delivered ID\r\n" S_BYE,
     "s@x.test>ann@d.test|hi\r\n;"},
    {"one answer for all", "EHLO c.test\r\n" FROM TO("ann") TO("bob") "DATA\r\nhi\r\n.\r\nQUIT\r\n",
     S_HELLO S_FROM S_TO("ann") S_TO("bob") S_DATA "250 2.1.5 delivered ID\r\n" S_BYE,
     "s@x.test>ann@d.test,bob@d.test|hi\r\n;"},
    {"a temporary failure makes it 451",
     "EHLO c.test\r\n" FROM TO("ann") TO("late") "DATA\r\nhi\r\n.\r\n",
     S_HELLO S_FROM S_TO("ann") S_TO("late") S_DATA "451 4.2.2 <late@d.test> mailbox is full\r\n",
     "s@x.test>ann@d.test,late@d.test|hi\r\n;"},
    {"LHLO is not for SMTP", "LHLO c.test\r\nHELO c.test\r\n",
     "500 5.5.1 this is SMTP: say EHLO\r\n250 mx.test\r\n", NULL},
    {"HELO brings no parameters", "HELO c.test\r\nMAIL FROM:<> SIZE=1\r\nMAIL FROM:<>\r\n",
     "250 mx.test\r\n555 5.5.4 unknown parameter\r\n" S_FROM, NULL},
    {"chunks have one answer each",
     "EHLO c.test\r\n" FROM TO("ann") TO("bob") "BDAT 1\r\naBDAT 1 LAST\r\nb",
     S_HELLO S_FROM S_TO("ann") S_TO("bob") S_CHUNK "250 2.1.5 delivered ID\r\n",
     "s@x.test>ann@d.test,bob@d.test|ab;"},
};

/* Greeting off; of an introduction's answer only the first line stays. */
static void
shorten(struct buf *out)
{
    struct buf kept;
    char *line, *next;

    buf_init(&kept, 1 << 20);
    for (line = out->data; line != NULL && *line != '\0'; line = next) {
        next = strstr(line, "\r\n") + 2;
        if (line == out->data ||
            (strncmp(line, "250-", 4) == 0 && strncmp(line, "250-mx.test", 11) != 0) ||
            strncmp(line, "250 HELP", 8) == 0)
            continue;
        ck_assert(buf_append(&kept, line, (size_t)(next - line)));
    }
    buf_release(out);
    *out = kept;
}

static void
run(const struct dialogue *d, enum listen_protocol protocol, size_t split,
    enum fake_answers answers, bool is_slow)
{
    struct fake f;

    fake_open(&f, protocol);
    f.answers = answers;
    f.is_slow = is_slow;
    fake_start(&f);
    fake_feed(&f, span_of(d->input), split);
    shorten(&f.output);
    ck_assert_msg(strcmp(buf_str(&f.output), d->output) == 0, "%s (split %zu, answers %d):\n%s",
                  d->name, split, (int)answers, buf_str(&f.output));
    smtp_session_free(f.session);
    f.session = NULL;
    ck_assert_msg(strcmp(buf_str(&f.messages), d->messages == NULL ? "" : d->messages) == 0,
                  "%s (split %zu): messages %s", d->name, split, buf_str(&f.messages));
    fake_release(&f);
}

static void
run_all_ways(const struct dialogue *d, enum listen_protocol protocol)
{
    static const size_t splits[] = {0, 1, 7};

    for (int i = 0; i < 3; i++) {
        run(d, protocol, splits[i], FAKE_AT_ONCE, false);
        run(d, protocol, splits[i], FAKE_IN_ORDER, false);
        run(d, protocol, splits[i], FAKE_REVERSED, false);
        run(d, protocol, splits[i], FAKE_IN_ORDER, true);
    }
}

START_TEST(lmtp_dialogue)
{
    run_all_ways(&lmtp[_i], LISTEN_LMTP);
}
END_TEST

START_TEST(smtp_dialogue)
{
    run_all_ways(&smtp[_i], LISTEN_SMTP);
}
END_TEST

static void
expect_tail(const struct fake *f, const char *tail)
{
    size_t n = strlen(tail);

    ck_assert_msg(f->output.len >= n && strcmp(f->output.data + f->output.len - n, tail) == 0,
                  "output ends otherwise:\n%s", buf_str(&f->output));
}

START_TEST(extensions_are_announced_as_configured)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    fake_feed(&f, SPAN(HELLO), 0);
    ck_assert_str_eq(buf_str(&f.output),
                     "220 mx.test LMTP Doorstep\r\n"
                     "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
                     "250-BINARYMIME\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n"
                     "250-LIMITS RCPTMAX=5 MAILMAX=5\r\n250-DSN\r\n"
                     "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT SESSION TTL "
                     "TIMEOUT FORWARD CLIENT-TRANSPORT DESTNAME\r\n"
                     "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n250 HELP\r\n");
    fake_release(&f);
    fake_open(&f, LISTEN_LMTP);
    f.config.dsn = f.config.trusted = false;
    fake_start(&f);
    fake_feed(&f, SPAN(HELLO), 0);
    ck_assert_ptr_null(strstr(buf_str(&f.output), "DSN"));
    ck_assert_ptr_null(strstr(buf_str(&f.output), "XCLIENT"));
    ck_assert_ptr_null(strstr(buf_str(&f.output), "XFORWARD"));
    fake_feed(&f, SPAN("MAIL FROM:<> RET=HDRS\r\n"), 0);
    expect_tail(&f, "555 5.5.4 unknown parameter\r\n");
    fake_feed(&f, SPAN("XCLIENT NAME=a\r\n"), 0);
    expect_tail(&f, "550 5.7.0 you may not say that here\r\n");
    fake_feed(&f, SPAN("XFORWARD NAME=a\r\n"), 0);
    expect_tail(&f, "550 5.7.0 you may not say that here\r\n");
    fake_release(&f);
}
END_TEST

/* A message of n octets, by DATA or in one chunk. */
static void
feed_message(struct fake *f, size_t n, bool by_chunk, const char *content)
{
    struct buf in;

    buf_init(&in, 1 << 20);
    ck_assert(buf_append_str(&in, HELLO FROM TO("ann") TO("bob")));
    ck_assert(by_chunk ? buf_printf(&in, "BDAT %zu LAST\r\n", n) : buf_append_str(&in, "DATA\r\n"));
    for (size_t i = 0; i < n; i++)
        ck_assert(buf_append_char(&in, content[i % strlen(content)]));
    if (!by_chunk)
        ck_assert(buf_append_str(&in, "\r\n.\r\n"));
    ck_assert(buf_append_str(&in, "NOOP\r\n"));
    fake_feed(f, buf_span(&in), 0);
    buf_release(&in);
}

START_TEST(a_message_too_big_is_let_go_early_and_refused_for_each)
{
    struct fake f;

    for (int by_chunk = 0; by_chunk < 2; by_chunk++) {
        fake_open(&f, LISTEN_LMTP);
        fake_start(&f);
        feed_message(&f, 1001, by_chunk, "x");
        expect_tail(&f, "552 5.3.4 <ann@d.test> message is too big\r\n"
                        "552 5.3.4 <bob@d.test> message is too big\r\n" S_OK);
        ck_assert_str_eq(buf_str(&f.messages), "aborted;");
        ck_assert_uint_eq(f.finished, 1);
        fake_release(&f);
    }
}
END_TEST

START_TEST(a_message_of_just_the_limit_is_taken)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    feed_message(&f, 1000, true, "x");
    expect_tail(&f, S_DONE("ann") S_DONE("bob") S_OK);
    ck_assert_uint_eq(f.content.len, 1000);
    fake_release(&f);
}
END_TEST

START_TEST(in_smtp_a_message_too_big_is_refused_once)
{
    struct fake f;

    fake_open(&f, LISTEN_SMTP);
    fake_start(&f);
    fake_feed(&f, SPAN("EHLO c.test\r\n" FROM TO("ann") TO("bob") "BDAT 600\r\n"), 0);
    for (int i = 0; i < 600; i++)
        fake_feed(&f, SPAN("x"), 0);
    expect_tail(&f, S_CHUNK);
    fake_feed(&f, SPAN("BDAT 600\r\n"), 0);
    for (int i = 0; i < 600; i++)
        fake_feed(&f, SPAN("x"), 0);
    expect_tail(&f, "552 5.3.4 message is too big\r\n");
    fake_feed(&f, SPAN("BDAT 1 LAST\r\nx"), 0);
    expect_tail(&f, "552 5.3.4 <ann@d.test> message is too big\r\n");
    fake_feed(&f, SPAN("NOOP\r\n"), 0);
    expect_tail(&f, S_OK);
    ck_assert_str_eq(buf_str(&f.messages), "aborted;");
    fake_release(&f);
}
END_TEST

START_TEST(bare_line_ends_are_refused_when_so_configured)
{
    struct fake f;

    for (int by_chunk = 0; by_chunk < 2; by_chunk++) {
        fake_open(&f, LISTEN_LMTP);
        f.config.bare_newline = BARE_REJECT;
        fake_start(&f);
        feed_message(&f, 12, by_chunk, "a\nb");
        expect_tail(&f, "554 5.6.0 <ann@d.test> message content is not acceptable\r\n"
                        "554 5.6.0 <bob@d.test> message content is not acceptable\r\n" S_OK);
        ck_assert_str_eq(buf_str(&f.messages), "aborted;");
        fake_release(&f);
    }
}
END_TEST

/* However its octets come: the answer is the same. */
START_TEST(what_is_too_big_and_has_a_bare_line_end_is_bad)
{
    static const struct span ask = SPAN("EHLO c.test\r\n" FROM TO("ann") "BDAT 1002 LAST\r\nx\n");
    char rest[1000];
    struct fake f;

    memset(rest, 'x', sizeof(rest));
    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
        struct buf all;

        fake_open(&f, LISTEN_SMTP);
        f.config.bare_newline = BARE_REJECT;
        fake_start(&f);
        buf_init(&all, 4096);
        ck_assert(buf_append_span(&all, ask) && buf_append(&all, rest, sizeof(rest)));
        fake_feed(&f, buf_span(&all), in_pieces ? 1 : 0);
        expect_tail(&f, "554 5.6.0 <ann@d.test> message content is not acceptable\r\n");
        buf_release(&all);
        fake_release(&f);
    }
}
END_TEST

START_TEST(bare_line_ends_become_crlf_when_so_configured)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.config.bare_newline = BARE_NORMALIZE;
    fake_start(&f);
    fake_feed(&f, SPAN(OPEN "BDAT 7 LAST\r\na\nb\rc\r\r"), 1);
    ck_assert_str_eq(buf_str(&f.content), "a\r\nb\r\nc\r\n\r\n");
    fake_feed(&f, SPAN("MAIL FROM:<> BODY=BINARYMIME\r\n" TO("ann") "BDAT 4 LAST\r\na\nb\r"), 1);
    ck_assert_str_eq(buf_str(&f.content), "a\nb\r"); /* binary stays binary */
    fake_release(&f);
}
END_TEST

START_TEST(an_over_long_line_is_skipped_in_little_memory)
{
    struct fake f;
    char block[1000];

    memset(block, 'x', sizeof(block));
    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    for (int i = 0; i < 1000; i++)
        fake_feed(&f, (struct span){block, sizeof(block)}, 0);
    fake_feed(&f, SPAN("\rMAIL\nNOOP\r"), 0);
    fake_feed(&f, SPAN("\nNOOP\r\n"), 0);
    expect_tail(&f, "Doorstep\r\n500 5.5.2 command line too long\r\n" S_OK);
    fake_release(&f);
}
END_TEST

START_TEST(the_longest_line_is_taken_and_one_more_octet_is_not)
{
    struct fake f;
    char line[202];

    memset(line, 'x', sizeof(line));
    memcpy(line, "NOOP ", 5);
    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    memcpy(line + 198, "\r\n", 2);
    fake_feed(&f, (struct span){line, 200}, 0);
    expect_tail(&f, "Doorstep\r\n" S_OK);
    memcpy(line + 198, "x\r\n", 3);
    fake_feed(&f, (struct span){line, 201}, 0);
    expect_tail(&f, S_OK "500 5.5.2 command line too long\r\n");
    fake_release(&f);
}
END_TEST

START_TEST(nul_is_no_part_of_a_command)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    fake_feed(&f, SPAN("NOOP \0x\r\nNOOP\r\n"), 0);
    expect_tail(&f, "Doorstep\r\n500 5.5.2 this is no command line\r\n" S_OK);
    fake_release(&f);
}
END_TEST

START_TEST(a_session_sends_only_so_many_messages)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    fake_feed(&f, SPAN(HELLO), 0);
    for (int i = 0; i < 5; i++)
        fake_feed(&f, SPAN(FROM TO("ann") "DATA\r\n.\r\n"), 0);
    ck_assert_uint_eq(f.ended, 5);
    fake_feed(&f, SPAN(FROM), 0);
    expect_tail(&f, "421 4.7.0 too many messages, connect again\r\n");
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

START_TEST(a_client_gone_in_the_message_aborts_it)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    fake_feed(&f, SPAN(OPEN "DATA\r\nhalf a li"), 0);
    ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_DATA);
    smtp_session_free(f.session);
    f.session = NULL;
    ck_assert_str_eq(buf_str(&f.messages), "aborted;");
    fake_release(&f);
}
END_TEST

START_TEST(a_client_gone_behind_the_end_of_data_aborts_nothing)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.answers = FAKE_IN_ORDER;
    fake_start(&f);
    fake_feed(&f, SPAN(OPEN), 0);
    smtp_session_feed(f.session, SPAN("DATA\r\nhi\r\n.\r\n"));
    ck_assert_int_eq(smtp_session_waits_for(f.session), SMTP_WAIT_ANSWER);
    smtp_session_free(f.session);
    f.session = NULL;
    ck_assert_str_eq(buf_str(&f.messages), "s@x.test>ann@d.test|hi\r\n;");
    fake_release(&f);
}
END_TEST

static const struct outcome *
store_away(void)
{
    static struct outcome o;

    outcome_set(&o, OUTCOME_SYSTEM, "the store is away");
    return &o;
}

#define S_AWAY(name) "451 4.3.0 <" name "@d.test> "

START_TEST(a_store_that_dies_costs_a_451_and_no_connection)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.answers = FAKE_REVERSED;
    fake_start(&f);
    fake_feed(&f, SPAN(HELLO), 0);
    smtp_session_feed(f.session, SPAN(FROM TO("ann") TO("bob")));
    f.question_count = 0; /* they die with the store */
    smtp_session_fail(f.session, store_away());
    ck_assert_ptr_nonnull(strstr(buf_str(&f.output), S_AWAY("ann")));
    ck_assert_ptr_nonnull(strstr(buf_str(&f.output), S_AWAY("bob")));
    fake_feed(&f, SPAN(TO("cat") "DATA\r\nhi"), 0);
    smtp_session_fail(f.session, store_away());
    buf_reset(&f.output);
    fake_feed(&f, SPAN("ho\r\n.\r\n"), 0);
    ck_assert_ptr_nonnull(strstr(buf_str(&f.output), S_AWAY("cat")));
    fake_feed(&f, SPAN(FROM TO("ann") TO("bob")), 0);
    smtp_session_feed(f.session, SPAN("DATA\r\n.\r\n" FROM));
    f.question_count = 1; /* ann has her answer, bob's dies */
    fake_answer(&f);
    buf_reset(&f.output);
    smtp_session_fail(f.session, store_away());
    ck_assert_ptr_nonnull(strstr(buf_str(&f.output), S_AWAY("bob")));
    ck_assert_ptr_null(strstr(buf_str(&f.output), S_AWAY("ann")));
    expect_tail(&f, S_FROM); /* the session goes on */
    fake_release(&f);
}
END_TEST

START_TEST(without_a_store_data_is_refused_for_now)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    f.is_away = true;
    fake_feed(&f, SPAN(OPEN "DATA\r\nRSET\r\n"), 0);
    expect_tail(&f, "451 4.3.0 mail system unavailable, try again\r\n" S_OK);
    fake_feed(&f, SPAN(FROM TO("ann") "BDAT 6 LAST\r\nNOOP\r\n" TO("ann")), 0);
    expect_tail(&f, "451 4.3.0 mail system unavailable, try again\r\n"
                    "503 5.5.1 need MAIL first\r\n");
    fake_release(&f);
}
END_TEST

START_TEST(draining_ends_idle_sessions_at_once)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    fake_feed(&f, SPAN(OPEN), 0);
    smtp_session_drain(f.session);
    expect_tail(&f, "421 4.3.2 shutting down, try again\r\n");
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

START_TEST(draining_lets_a_message_end)
{
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    fake_start(&f);
    fake_feed(&f, SPAN(OPEN "DATA\r\nhi\r\n"), 0);
    smtp_session_drain(f.session);
    ck_assert_uint_eq(f.closed, 0);
    fake_feed(&f, SPAN(".\r\n" FROM), 0);
    expect_tail(&f, S_DONE("ann") "421 4.3.2 shutting down, try again\r\n");
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

START_TEST(stop_and_timeout_abort_what_is_under_way)
{
    struct fake f;

    for (int i = 0; i < 2; i++) {
        fake_open(&f, LISTEN_LMTP);
        fake_start(&f);
        fake_feed(&f, SPAN(OPEN "DATA\r\nhi\r\n"), 0);
        if (i == 0)
            smtp_session_stop(f.session);
        else
            smtp_session_timeout(f.session);
        expect_tail(&f, i == 0 ? "421 4.3.2 shutting down, try again\r\n"
                               : "421 4.4.2 you took too long\r\n");
        ck_assert_str_eq(buf_str(&f.messages), "aborted;");
        fake_feed(&f, SPAN(".\r\nNOOP\r\n"), 0); /* thrown away */
        fake_release(&f);
    }
}
END_TEST

START_TEST(pipelined_input_waits_in_bounded_memory)
{
    struct fake f;
    char block[4097];

    memset(block, 'x', sizeof(block));
    fake_open(&f, LISTEN_LMTP);
    f.answers = FAKE_IN_ORDER;
    fake_start(&f);
    fake_feed(&f, SPAN(OPEN), 0);
    smtp_session_feed(f.session, SPAN("DATA\r\n.\r\n"));
    ck_assert(smtp_session_wants_input(f.session));
    smtp_session_feed(f.session, (struct span){block, sizeof(block)});
    ck_assert(!smtp_session_wants_input(f.session));
    for (int i = 0; i < 100 && f.closed == 0; i++) /* an owner who does not obey */
        smtp_session_feed(f.session, (struct span){block, sizeof(block)});
    ck_assert_uint_eq(f.closed, 1);
    fake_release(&f);
}
END_TEST

static char seen_client[256];

static void
remember_client(void *arg, const struct envelope *e)
{
    struct outcome o;

    snprintf(seen_client, sizeof(seen_client), "%s %s %s %s|%s %s %s %s", e->client_ip,
             e->client_name, e->helo, e->queue_id, e->client_port, e->client_protocol,
             e->client_source, e->login);
    outcome_set(&o, OUTCOME_DELIVERED, NULL);
    smtp_session_answer(((struct fake *)arg)->session, 0, &o, "");
}

static void
ignore(void *arg, const struct smtp_summary *s)
{
    (void)arg;
    (void)s;
}

static void
ignore_octets(void *arg, struct span octets)
{
    (void)arg;
    (void)octets;
}

static bool
ignore_reply(void *arg, struct span octets)
{
    (void)arg;
    (void)octets;
    return true;
}

static void
accept_rcpt(void *arg, uint64_t id, const struct address *recipient,
            const struct address *reverse_path, uint64_t size)
{
    struct outcome o;

    (void)recipient;
    (void)reverse_path;
    (void)size;
    outcome_set(&o, OUTCOME_RCPT_OK, NULL);
    smtp_session_rcpt_answer(((struct fake *)arg)->session, id, &o);
}

static bool
accept_mail(void *arg, const char *client_ip, struct outcome *why)
{
    (void)arg;
    (void)client_ip;
    (void)why;
    return true;
}

static char seen_change[64];

static bool
remember_change(void *arg, const char *client_ip)
{
    (void)arg;
    snprintf(seen_change, sizeof(seen_change), "%s", client_ip);
    return false;
}

static bool
accept_data(void *arg, uint64_t size)
{
    (void)arg;
    (void)size;
    return true;
}

START_TEST(what_trusted_peers_tell_is_in_the_envelope)
{
    static const struct smtp_session_calls remember = {
        .reply = ignore_reply,
        .mail_begin = accept_mail,
        .client_changed = remember_change,
        .ask_rcpt = accept_rcpt,
        .data_begin = accept_data,
        .data = ignore_octets,
        .data_end = remember_client,
        .finished = ignore,
    };
    struct fake f;

    fake_open(&f, LISTEN_LMTP);
    f.session = smtp_session_new(&f.config, &remember, &f);
    fake_feed(&f, SPAN(OPEN "DATA\r\n.\r\n"), 0);
    ck_assert_str_eq(seen_client, "192.0.2.1  c.test |   ");
    fake_feed(
        &f,
        SPAN("XFORWARD ADDR=198.51.100.7 NAME=[UNAVAILABLE]\r\n"
             "XFORWARD HELO=h+2Btest IDENT=4X+3D5 SOURCE=REMOTE PORT=25 PROTO=ESMTP\r\n" FROM TO(
                 "ann") "DATA\r\n.\r\n"),
        0);
    ck_assert_str_eq(seen_client, "198.51.100.7  h+test 4X=5|25 ESMTP REMOTE ");
    fake_feed(&f, SPAN(FROM TO("ann") "DATA\r\n.\r\n"), 0); /* it was for one message */
    ck_assert_str_eq(seen_client, "192.0.2.1  c.test |   ");
    fake_feed(&f,
              SPAN("XCLIENT ADDR=IPV6:2001:DB8:0::1 NAME=real.test LOGIN=ann PORT=4711 "
                   "PROTO=SMTP DESTADDR=192.0.2.2 DESTPORT=25 SESSION=a1 TTL=4 TIMEOUT=60 "
                   "FORWARD=Zm9v+3D CLIENT-TRANSPORT=TLS DESTNAME=mx.test\r\n" OPEN
                   "DATA\r\n.\r\n"),
              0);
    ck_assert_str_eq(seen_client, "IPv6:2001:db8::1 real.test c.test |4711 SMTP  ann");
    ck_assert_str_eq(seen_change, "IPv6:2001:db8::1");
    smtp_session_free(f.session);
    f.session = NULL;
    fake_release(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("session");
    TCase *cases = tcase_create("session");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, lmtp_dialogue, 0, sizeof(lmtp) / sizeof(lmtp[0]));
    tcase_add_loop_test(cases, smtp_dialogue, 0, sizeof(smtp) / sizeof(smtp[0]));
    tcase_add_test(cases, extensions_are_announced_as_configured);
    tcase_add_test(cases, a_message_too_big_is_let_go_early_and_refused_for_each);
    tcase_add_test(cases, a_message_of_just_the_limit_is_taken);
    tcase_add_test(cases, in_smtp_a_message_too_big_is_refused_once);
    tcase_add_test(cases, bare_line_ends_are_refused_when_so_configured);
    tcase_add_test(cases, what_is_too_big_and_has_a_bare_line_end_is_bad);
    tcase_add_test(cases, bare_line_ends_become_crlf_when_so_configured);
    tcase_add_test(cases, an_over_long_line_is_skipped_in_little_memory);
    tcase_add_test(cases, the_longest_line_is_taken_and_one_more_octet_is_not);
    tcase_add_test(cases, nul_is_no_part_of_a_command);
    tcase_add_test(cases, a_session_sends_only_so_many_messages);
    tcase_add_test(cases, a_client_gone_in_the_message_aborts_it);
    tcase_add_test(cases, a_client_gone_behind_the_end_of_data_aborts_nothing);
    tcase_add_test(cases, a_store_that_dies_costs_a_451_and_no_connection);
    tcase_add_test(cases, without_a_store_data_is_refused_for_now);
    tcase_add_test(cases, draining_ends_idle_sessions_at_once);
    tcase_add_test(cases, draining_lets_a_message_end);
    tcase_add_test(cases, stop_and_timeout_abort_what_is_under_way);
    tcase_add_test(cases, pipelined_input_waits_in_bounded_memory);
    tcase_add_test(cases, what_trusted_peers_tell_is_in_the_envelope);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
