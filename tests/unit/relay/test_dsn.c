/* SPDX-License-Identifier: MIT
 *
 * Delivery status notifications: who is owed which, what they say, and that nothing that others
 * have said breaks out of its place.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "doorstep/charset.h"
#include "doorstep/dsn.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1700000000
#define HEAD                                                                                       \
    "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nMessage-ID: <1@example.org>\r\n"        \
    "Subject: Hello\r\n"
#define MESSAGE HEAD "\r\nA line of the body.\r\n"
#define UTF8 "J\xc3\xb8rn@example.net"

/* ------------------------------------------------------------------ wanted */

static const struct {
    const char *name, *sender;
    unsigned notify;
    bool failed, delayed, delivered;
} wishes[] = {
    {"nothing said: failures and delays", "a@b", 0, true, true, false},
    {"never", "a@b", NOTIFY_NEVER, false, false, false},
    {"never wins", "a@b", NOTIFY_NEVER | NOTIFY_SUCCESS, false, false, false},
    {"success alone", "a@b", NOTIFY_SUCCESS, false, false, true},
    {"failure alone", "a@b", NOTIFY_FAILURE, true, false, false},
    {"delay alone", "a@b", NOTIFY_DELAY, false, true, false},
    {"all", "a@b", NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, true, true, true},
    {"the null path gets none", "", 0, false, false, false},
    {"the null path gets none, whatever it says", "", NOTIFY_SUCCESS | NOTIFY_FAILURE, false, false,
     false},
};

START_TEST(what_is_wanted)
{
    const char *name = wishes[_i].name, *sender = wishes[_i].sender;
    unsigned notify = wishes[_i].notify;

    ck_assert_msg(dsn_wanted(sender, notify, DSN_FAILED) == wishes[_i].failed, "%s", name);
    ck_assert_msg(dsn_wanted(sender, notify, DSN_DELAYED) == wishes[_i].delayed, "%s", name);
    ck_assert_msg(dsn_wanted(sender, notify, DSN_DELIVERED) == wishes[_i].delivered, "%s", name);
    ck_assert_msg(dsn_wanted(sender, notify, DSN_RELAYED) == wishes[_i].delivered, "%s", name);
    ck_assert_msg(dsn_wanted(sender, notify, DSN_EXPANDED) == wishes[_i].delivered, "%s", name);
}
END_TEST

/* ------------------------------------------------------------------ what stands in them */

static const struct dsn_recipient bob = {
    .address = "bob@example.net",
    .orcpt = "",
    .action = DSN_FAILED,
    .code = 550,
    .enhanced = "5.1.1",
    .text = "No such user",
    .remote = "mx.example.net[192.0.2.1]:25",
    .last_attempt = NOW,
};

static struct dsn
about(const struct dsn_recipient *r, const char *message)
{
    return (struct dsn){
        .hostname = "mx.example.org",
        .postmaster = "postmaster@example.org",
        .id = "id",
        .sender = "ann@example.org",
        .envid = "",
        .received_from = "",
        .now = NOW,
        .original = span_of(message),
        .original_octets = strlen(message),
        .recipients = r,
        .recipient_count = 1,
    };
}

static void
print(const struct dsn *d, struct buf *out)
{
    buf_init(out, (size_t)4 << 20);
    ck_assert(dsn_print(d, out));
}

static void
check_has(const struct buf *out, const char *part)
{
    ck_assert_msg(strstr(buf_str(out), part) != NULL, "no %s in\n%s", part, buf_str(out));
}

static void
check_has_not(const struct buf *out, const char *part)
{
    ck_assert_msg(strstr(buf_str(out), part) == NULL, "%s in\n%s", part, buf_str(out));
}

START_TEST(a_failure_says)
{
    struct buf out;
    struct dsn d = about(&bob, MESSAGE);

    d.envid = "QQ314159";
    d.received_from = "client.example.org";
    d.arrived = NOW - 60;
    print(&d, &out);
    check_has(&out, "\r\nFrom: Mail Delivery Subsystem <postmaster@example.org>\r\n");
    check_has(&out, "\r\nTo: ann@example.org\r\n");
    check_has(&out, "\r\nAuto-Submitted: auto-replied\r\n");
    check_has(&out, "\r\nReferences: <1@example.org>\r\n");
    check_has(&out, "multipart/report; report-type=delivery-status;\r\n");
    check_has(&out, "mx.example.net answered: 550 5.1.1 No such user\r\n");
    check_has(&out, "Is the address spelled right?\r\n");
    check_has(&out, "Content-Type: message/delivery-status\r\n\r\n"
                    "Original-Envelope-Id: QQ314159\r\n"
                    "Reporting-MTA: dns; mx.example.org\r\n"
                    "Received-From-MTA: dns; client.example.org\r\n"
                    "Arrival-Date: Tue, 14 Nov 2023 22:12:20 +0000\r\n"
                    "\r\n"
                    "Final-Recipient: rfc822; bob@example.net\r\n"
                    "Action: failed\r\n"
                    "Status: 5.1.1\r\n"
                    "Remote-MTA: dns; mx.example.net\r\n"
                    "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
                    "Last-Attempt-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                    "\r\n");
    check_has(&out, "Content-Type: message/rfc822\r\n"
                    "Content-Transfer-Encoding: 7bit\r\n\r\n" MESSAGE "\r\n--0=id--\r\n");
    check_has_not(&out, "8bit");
    check_has_not(&out, "Will-Retry-Until");
    buf_release(&out);
}
END_TEST

static const struct {
    const char *name;
    enum dsn_action action;
    uint16_t code;
    const char *enhanced, *status;
} statuses[] = {
    {"as it was said", DSN_FAILED, 550, "5.7.1", "5.7.1"},
    {"nothing said", DSN_FAILED, 550, "", "5.0.0"},
    {"no status at all", DSN_FAILED, 550, "5.1.x", "5.0.0"},
    {"with a tail", DSN_FAILED, 550, "5.1.1.1", "5.0.0"},
    {"with signs", DSN_FAILED, 550, "5.-1.+1", "5.0.0"},
    {"no reply came", DSN_FAILED, 0, "", "5.0.0"},
    {"expired", DSN_FAILED, 0, "4.4.7", "4.4.7"},
    {"given up on a temporary reply", DSN_FAILED, 451, "4.3.0", "4.3.0"},
    {"classes that contradict", DSN_FAILED, 550, "2.0.0", "5.0.0"},
    {"a delay is temporary", DSN_DELAYED, 451, "5.1.1", "4.0.0"},
    {"a delay without a reply", DSN_DELAYED, 0, "4.4.1", "4.4.1"},
    {"success", DSN_DELIVERED, 250, "2.1.5", "2.1.5"},
    {"success is no failure", DSN_RELAYED, 250, "5.1.5", "2.0.0"},
    {"all behind an alias", DSN_EXPANDED, 0, "", "2.0.0"},
};

START_TEST(a_status_fits)
{
    struct dsn_recipient r = bob;
    struct buf out;
    char line[64];

    r.action = statuses[_i].action;
    r.code = statuses[_i].code;
    r.enhanced = statuses[_i].enhanced;
    struct dsn d = about(&r, MESSAGE);
    print(&d, &out);
    snprintf(line, sizeof(line), "\r\nStatus: %s\r\n", statuses[_i].status);
    ck_assert_msg(strstr(buf_str(&out), line) != NULL, "%s:\n%s", statuses[_i].name, buf_str(&out));
    buf_release(&out);
}
END_TEST

START_TEST(a_delay_says)
{
    struct dsn_recipient r = bob;
    struct buf out;

    r.action = DSN_DELAYED;
    r.code = 0;
    r.enhanced = "4.4.1";
    r.text = "connection refused";
    r.remote = "unix:/var/run/next";
    r.retry_until = NOW + 3600;
    struct dsn d = about(&r, MESSAGE);
    print(&d, &out);
    check_has(&out, "\r\nSubject: Your message is delayed\r\n");
    check_has(&out, "\r\nAction: delayed\r\nStatus: 4.4.1\r\nRemote-MTA: dns; localhost\r\n"
                    "Diagnostic-Code: x-doorstep; connection refused\r\n");
    check_has(&out, "\r\nWill-Retry-Until: Tue, 14 Nov 2023 23:13:20 +0000\r\n");
    check_has(&out, "Content-Type: text/rfc822-headers\r\n");
    check_has_not(&out, "A line of the body.");
    check_has_not(&out, "/var");
    buf_release(&out);
}
END_TEST

static const struct {
    const char *remote, *line;
} remotes[] = {
    {"mx.example.net[192.0.2.1]:25", "Remote-MTA: dns; mx.example.net\r\n"},
    {"[192.0.2.1]:25", "Remote-MTA: dns; [192.0.2.1]\r\n"},
    {"[2001:db8::1]:25", "Remote-MTA: dns; [IPv6:2001:db8::1]\r\n"},
    {"[192.0.2.1\rX: y]:25", "Remote-MTA: dns; localhost\r\n"},
    {"[192.0.2.1", "Remote-MTA: dns; localhost\r\n"},
    {"unix:/run/x", "Remote-MTA: dns; localhost\r\n"},
};

START_TEST(the_far_side_is_named)
{
    struct dsn_recipient r = bob;
    struct buf out;

    r.remote = remotes[_i].remote;
    struct dsn d = about(&r, MESSAGE);
    print(&d, &out);
    check_has(&out, remotes[_i].line);
    buf_release(&out);
}
END_TEST

START_TEST(a_refusal_is_a_disposition)
{
    struct dsn_recipient r = bob;
    struct buf out;

    r.address = "J\xc3\xb8rn@example.net";
    r.orcpt = "rfc822;J@example.net";
    struct dsn d = about(&r, MESSAGE);
    buf_init(&out, 1 << 20);
    ck_assert(dsn_print_refusal(&d, "N\xc3\xb6.\r\n--0=id\r\nNever.", &out));
    check_has(&out, "multipart/report; report-type=disposition-notification;");
    check_has(&out, "\r\nFinal-Recipient: utf-8; J\\x{F8}rn@example.net\r\n");
    check_has(&out, "\r\nOriginal-Recipient: rfc822; J@example.net\r\n");
    check_has(&out, "\r\nDisposition: automatic-action/MDN-sent-automatically; deleted\r\n");
    check_has(&out, "as follows:\r\n\r\nN\xc3\xb6.\r\n--0=id\r\nNever.\r\n");
    check_has(&out, "A line of the body.");
    check_has(&out, "Auto-Submitted: auto-replied (rejected)\r\n");
    buf_release(&out);
}
END_TEST

START_TEST(groups_of_recipients)
{
    struct dsn_recipient all[4] = {bob, bob, bob, bob};
    struct buf out;

    all[1].address = "carl@example.net";
    all[1].orcpt = "rfc822;CARL@example.net";
    all[2].action = DSN_DELIVERED;
    all[2].remote = "";
    all[3].action = DSN_EXPANDED;
    all[3].remote = "";
    struct dsn d = about(all, MESSAGE);
    d.recipient_count = 4;
    print(&d, &out);
    check_has(&out, "could not be delivered to these recipients:");
    check_has(&out, "was delivered into the mailbox of this recipient:");
    check_has(&out, "was passed on to all who stand behind this address:");
    check_has(&out, "\r\nOriginal-Recipient: rfc822; CARL@example.net\r\n"
                    "Final-Recipient: rfc822; carl@example.net\r\n");
    check_has(&out, "\r\nAction: delivered\r\n");
    check_has(&out, "\r\nAction: expanded\r\n");
    buf_release(&out);
}
END_TEST

/* ------------------------------------------------------------------ what is returned */

static const struct {
    const char *name;
    enum dsn_action action;
    enum envelope_ret ret;
    const char *message;
    uint64_t more; /* octets of the message that are not there */
    bool is_whole;
} returns[] = {
    {"a failure returns the message", DSN_FAILED, RET_NONE, MESSAGE, 0, true},
    {"RET=FULL", DSN_FAILED, RET_FULL, MESSAGE, 0, true},
    {"RET=HDRS", DSN_FAILED, RET_HDRS, MESSAGE, 0, false},
    {"success returns the header alone", DSN_DELIVERED, RET_FULL, MESSAGE, 0, false},
    {"a delay returns the header alone", DSN_DELAYED, RET_FULL, MESSAGE, 0, false},
    {"only the beginning is there", DSN_FAILED, RET_FULL, MESSAGE, 1, false},
};

START_TEST(what_is_returned)
{
    struct dsn_recipient r = bob;
    struct buf out;

    r.action = returns[_i].action;
    struct dsn d = about(&r, returns[_i].message);
    d.ret = returns[_i].ret;
    d.original_octets += returns[_i].more;
    print(&d, &out);
    bool is_whole = strstr(buf_str(&out), "A line of the body") != NULL;
    ck_assert_msg(is_whole == returns[_i].is_whole, "%s", returns[_i].name);
    check_has(&out, is_whole ? "message/rfc822\r\n" : "text/rfc822-headers\r\n");
    check_has(&out, "\r\nSubject: Hello\r\n");
    buf_release(&out);
}
END_TEST

/* A message of one octet too many, lines too long for SMTP, NUL: the header goes alone. */
START_TEST(what_cannot_be_a_part)
{
    struct buf message, out;

    buf_init(&message, (size_t)1 << 20);
    buf_append_str(&message, HEAD "\r\n");
    if (_i == 0)
        buf_append(&message, "a\0b\r\n", 5);
    else if (_i == 1)
        for (int i = 0; i < 999; i++)
            buf_append_char(&message, 'x');
    else
        while (message.len <= DSN_ORIGINAL_MAX)
            buf_append_str(&message, "line\r\n");
    struct dsn d = about(&bob, "");
    d.original = buf_span(&message);
    d.original_octets = message.len;
    print(&d, &out);
    check_has(&out, "Content-Type: text/rfc822-headers\r\n"
                    "Content-Transfer-Encoding: 7bit\r\n\r\n" HEAD "\r\n--0=id--\r\n");
    buf_release(&message);
    buf_release(&out);
}
END_TEST

/* ------------------------------------------------------------------ UTF-8 */

START_TEST(addresses_of_rfc_6533)
{
    struct dsn_recipient r = bob;
    struct buf out;

    r.address = UTF8;
    r.orcpt = "utf-8;" UTF8;
    struct dsn d = about(&r, MESSAGE);
    ck_assert(!dsn_needs_smtputf8(&d));
    print(&d, &out);
    check_has(&out, "message/delivery-status\r\n\r\n");
    check_has(&out, "\r\nOriginal-Recipient: utf-8; J\\x{F8}rn@example.net\r\n"
                    "Final-Recipient: utf-8; J\\x{F8}rn@example.net\r\n");
    ck_assert(utf8_is_ascii(buf_span(&out)));
    buf_release(&out);
    d.may_utf8 = true;
    ck_assert(dsn_needs_smtputf8(&d));
    print(&d, &out);
    check_has(&out, "message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    check_has(&out, "\r\nFinal-Recipient: utf-8; " UTF8 "\r\n");
    check_has(&out, "boundary=\"0=id\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    buf_release(&out);
}
END_TEST

START_TEST(messages_of_rfc_6533)
{
    struct buf out;
    struct dsn d = about(&bob, "Subject: Gr\xc3\xbc\xc3\x9f\x65\r\n\r\nHallo\r\n");

    print(&d, &out);
    check_has(&out, "Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n");
    ck_assert(utf8_is_ascii(buf_span(&out)));
    buf_release(&out);
    d.ret = RET_HDRS;
    print(&d, &out);
    check_has(&out, "Content-Type: message/global-headers\r\n"
                    "Content-Transfer-Encoding: quoted-printable\r\n\r\nSubject: Gr=C3=BC");
    ck_assert(utf8_is_ascii(buf_span(&out)));
    buf_release(&out);
    d.may_utf8 = true;
    print(&d, &out);
    check_has(&out, "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n"
                    "\r\nSubject: Gr\xc3\xbc");
    buf_release(&out);
}
END_TEST

START_TEST(eight_bit_bodies_are_said)
{
    struct buf out;
    struct dsn d = about(&bob, HEAD "\r\n\xc3\xbc\r\n");

    print(&d, &out);
    check_has(&out, "message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    check_has(&out, "boundary=\"0=id\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    ck_assert(!dsn_needs_smtputf8(&d));
    buf_release(&out);
}
END_TEST

START_TEST(senders_that_cannot_be_written)
{
    struct buf out;
    struct dsn d = about(&bob, MESSAGE);

    d.sender = UTF8;
    print(&d, &out);
    check_has(&out, "\r\nTo: =?utf-8?B?");
    ck_assert(utf8_is_ascii(buf_span(&out)));
    buf_release(&out);
    d.may_utf8 = true;
    print(&d, &out);
    check_has(&out, "\r\nTo: " UTF8 "\r\n");
    buf_release(&out);
}
END_TEST

/* ------------------------------------------------------------------ hostile */

#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100

static const struct {
    const char *name, *text, *remote, *orcpt, *envid, *message;
} hostile[] = {
    {"line ends in a reply", "no\r\nAction: delivered\n\nevil\r.\r\n", "", "", "", MESSAGE},
    {"a boundary in a reply", "no\r\n--0=id--\r\n", "", "", "", MESSAGE},
    {"marks that turn text", "\xe2\x80\xae lla \xc2\x9b\x1b[2J", "", "", "", MESSAGE},
    {"no UTF-8", "\xff\xfe\x80", "", "", "", MESSAGE},
    {"a reply of one long word", X1000 X1000, "", "", "", MESSAGE},
    {"continuation octets", "\x80\x80\x80\x80\x80\x80\x80\x80", "", "", "", MESSAGE},
    {"a remote that is none", "no", "[::1", "", "", MESSAGE},
    {"a remote with line ends", "no", "mx\r\nX: y", "", "", MESSAGE},
    {"a remote that is very long", "no", X1000, "", "", MESSAGE},
    {"an original recipient with line ends", "no", "", "rfc822;a\r\nX: y@b", "", MESSAGE},
    {"an original recipient without type", "no", "", "abc", "", MESSAGE},
    {"an original recipient of a type of its own", "no", "", "a\r\nb;x", "", MESSAGE},
    {"an original recipient that is very long", "no", "", "rfc822;" X1000 X1000, "", MESSAGE},
    {"an envelope id with line ends", "no", "", "", "a\r\nX: y", MESSAGE},
    {"a message id with line ends", "no", "", "", "", "Message-ID: <a\r\n b@\r\n\tc>\r\n\r\n"},
    {"a message id that is very long", "no", "", "", "", "Message-ID: <" X1000 "@b>\r\n\r\n"},
    {"no message at all", "no", "", "", "", ""},
    {"a message without a header", "no", "", "", "", "\r\nbody\r\n"},
    {"a header line that is too long", "no", "", "", "", "Subject: " X1000 "\r\n\r\n"},
    {"a header that is one long line", "no", "", "", "", X1000 X1000},
    {"bare carriage returns", "no", "", "", "", "Subject: a\rY: y\r\rbody\r"},
};

/* Each line is short, ends in CRLF, and the parts are those that were made. */
static void
check_lines(struct span rest, const char *name)
{
    unsigned boundaries = 0;

    while (rest.n > 0) {
        size_t n = span_find(rest, '\n');
        ck_assert_msg(n < rest.n && n > 0 && rest.p[n - 1] == '\r', "%s: CRLF", name);
        ck_assert_msg(memchr(rest.p, '\r', n - 1) == NULL, "%s: CR", name);
        ck_assert_msg(n <= 999, "%s: %zu octets in a line", name, n);
        ck_assert_msg(n < 3 || strncmp(rest.p, "X: ", 3) != 0, "%s: broke out", name);
        boundaries += n > 6 && strncmp(rest.p, "--0=id", 6) == 0;
        rest = span_skip(rest, n + 1);
    }
    ck_assert_msg(boundaries == 4, "%s: %u boundaries", name, boundaries);
}

START_TEST(nothing_breaks_out)
{
    struct dsn_recipient r = bob;
    struct buf out;

    r.text = hostile[_i].text;
    r.remote = hostile[_i].remote;
    r.orcpt = hostile[_i].orcpt;
    struct dsn d = about(&r, hostile[_i].message);
    d.envid = hostile[_i].envid;
    for (int utf8 = 0; utf8 < 2; utf8++) {
        d.may_utf8 = utf8 == 1;
        print(&d, &out);
        check_lines(buf_span(&out), hostile[_i].name);
        buf_release(&out);
    }
}
END_TEST

START_TEST(full_output_is_said)
{
    struct dsn d = about(&bob, MESSAGE);
    struct buf out;

    print(&d, &out);
    for (size_t max = 0; max < out.len; max++) {
        struct buf small;
        buf_init(&small, max);
        ck_assert(!dsn_print(&d, &small));
        ck_assert_uint_eq(small.len, 0);
        buf_release(&small);
    }
    buf_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dsn");
    TCase *cases = tcase_create("dsn");

    tcase_add_loop_test(cases, what_is_wanted, 0, COUNT(wishes));
    tcase_add_test(cases, a_failure_says);
    tcase_add_loop_test(cases, a_status_fits, 0, COUNT(statuses));
    tcase_add_test(cases, a_delay_says);
    tcase_add_test(cases, groups_of_recipients);
    tcase_add_loop_test(cases, the_far_side_is_named, 0, COUNT(remotes));
    tcase_add_test(cases, a_refusal_is_a_disposition);
    tcase_add_loop_test(cases, what_is_returned, 0, COUNT(returns));
    tcase_add_loop_test(cases, what_cannot_be_a_part, 0, 3);
    tcase_add_test(cases, addresses_of_rfc_6533);
    tcase_add_test(cases, messages_of_rfc_6533);
    tcase_add_test(cases, eight_bit_bodies_are_said);
    tcase_add_test(cases, senders_that_cannot_be_written);
    tcase_add_loop_test(cases, nothing_breaks_out, 0, COUNT(hostile));
    tcase_add_test(cases, full_output_is_said);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
