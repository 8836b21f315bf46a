/* SPDX-License-Identifier: MIT
 *
 * Trace fields: what stands before a message, whatever the peer said of itself.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "suites.h"
#include "trace_priv.h"

static struct envelope_recipient two[] = {
    {.address = {"ann", "example.org", false, false}, .orcpt = ""},
    {.address = {"bob smith", "example.org", false, false}, .orcpt = ""},
};

static struct envelope
envelope(void)
{
    return (struct envelope){
        .reverse_path = {"eve", "example.net", false, false},
        .protocol = PROTOCOL_LMTP,
        .helo = "mta.example.net",
        .client_ip = "192.0.2.1",
        .client_name = "mta.example.net",
        .envid = "",
        .queue_id = "",
        .session = "S",
        .login = "",
        .auth_sender = "",
        .tls_version = "",
        .tls_cipher = "",
        .recipients = two,
        .recipient_count = 1,
    };
}

static char *
build(const struct envelope *e, unsigned recipient, bool delivered_to)
{
    struct trace_options o = {.hostname = "mx.example.org",
                              .id = "ID1",
                              .when = {.tv_sec = 1700000000},
                              .delivered_to = delivered_to};
    struct buf out;

    setenv("TZ", "UTC0", 1);
    tzset();
    buf_init(&out, TRACE_MAX);
    ck_assert(trace_build(&o, e, &e->recipients[recipient], &out));
    return out.data;
}

START_TEST(one_recipient_is_named)
{
    struct envelope e = envelope();
    char *text = build(&e, 0, true);

    ck_assert_str_eq(text, "Return-Path: <eve@example.net>\r\n"
                           "Delivered-To: ann@example.org\r\n"
                           "Received: from mta.example.net (mta.example.net [192.0.2.1])\r\n"
                           "\tby mx.example.org (Doorstep) with LMTP id ID1\r\n"
                           "\tfor <ann@example.org>;\r\n"
                           "\tTue, 14 Nov 2023 22:13:20 +0000\r\n");
    free(text);
}
END_TEST

START_TEST(several_recipients_stay_blind)
{
    struct envelope e = envelope();

    e.recipient_count = 2;
    char *text = build(&e, 1, true);
    ck_assert_ptr_null(strstr(text, "for <"));
    ck_assert_ptr_null(strstr(text, "ann"));
    ck_assert_ptr_nonnull(strstr(text, "Delivered-To: \"bob smith\"@example.org\r\n"));
    free(text);
}
END_TEST

START_TEST(null_sender_and_no_delivered_to)
{
    struct envelope e = envelope();

    e.reverse_path = (struct address){"", "", true, false};
    char *text = build(&e, 0, false);
    ck_assert_int_eq(strncmp(text, "Return-Path: <>\r\nReceived: ", 27), 0);
    free(text);
}
END_TEST

/* What is sent on has no Return-Path: that is for whoever delivers it at last. */
START_TEST(a_passage_is_no_delivery)
{
    static const char begin[] = "Delivered-To: ann@example.org\r\nReceived: from ";
    const struct trace_options options = {
        .hostname = "mx.example.org", .id = "ID1", .delivered_to = true};
    struct envelope e = envelope();
    struct buf out;

    buf_init(&out, TRACE_MAX);
    ck_assert(trace_build_passage(&options, &e, &e.recipients[0], &out));
    ck_assert_int_eq(strncmp(buf_str(&out), begin, strlen(begin)), 0);
    ck_assert_ptr_null(strstr(buf_str(&out), "Return-Path"));
    buf_release(&out);
}
END_TEST

#define FROM_FRONT "Received: from a\r\n\tby b (Doorstep front) with LMTP id 1\r\n"

static const struct {
    const char *name, *message;
    size_t length;
} fronts[] = {
    {"a front's field", FROM_FRONT "Subject: x\r\n", sizeof FROM_FRONT - 1},
    {"nothing below it", FROM_FRONT, 0},
    {"a header's end below it", FROM_FRONT "\r\n", sizeof FROM_FRONT - 1},
    {"said by others",
     "Received: from ?Doorstep front? with\r\n\tby b (Doorstep) with LMTP\r\nA: b\r\n", 0},
    {"in another field", "Subject: from a (Doorstep front) with\r\nA: b\r\n", 0},
    {"in the next field", "Received: from a\r\nA: b (Doorstep front) with x\r\nB: c\r\n", 0},
    {"without an end", "Received: from a (Doorstep front) with ", 0},
    {"an empty message", "", 0},
};

START_TEST(a_fronts_field_is_known)
{
    ck_assert_msg(trace_front_length(span_of(fronts[_i].message)) == fronts[_i].length, "%s",
                  fronts[_i].name);
}
END_TEST

START_TEST(what_a_front_writes_is_a_fronts_field)
{
    const struct trace_options options = {
        .hostname = "mx.example.org", .id = "ID1", .is_front = true};
    struct envelope e = envelope();
    struct buf out;

    e.helo = "x (Doorstep front) with ";
    buf_init(&out, TRACE_MAX);
    ck_assert(trace_build_passage(&options, &e, &e.recipients[0], &out));
    size_t n = out.len;
    ck_assert_ptr_null(strstr(buf_str(&out), "x (Doorstep"));
    buf_append_str(&out, "Subject: a\r\n");
    ck_assert_uint_eq(trace_front_length(buf_span(&out)), n);
    buf_release(&out);
}
END_TEST

static const struct {
    enum envelope_protocol protocol;
    bool smtputf8;
    const char *login;
    const char *tls;
    const char *with;
} protocols[] = {
    {PROTOCOL_SMTP, false, "", "", "with SMTP id"},
    {PROTOCOL_ESMTP, false, "", "", "with ESMTP id"},
    {PROTOCOL_ESMTP, true, "", "", "with UTF8SMTP id"},
    {PROTOCOL_LMTP, false, "", "", "with LMTP id"},
    {PROTOCOL_LMTP, true, "", "", "with UTF8LMTP id"},
    {PROTOCOL_ESMTP, false, "ann@example.org", "", "with ESMTPA id"},
    {PROTOCOL_ESMTP, true, "ann@example.org", "", "with UTF8SMTPA id"},
    {PROTOCOL_LMTP, false, "ann@example.org", "", "with LMTPA id"},
    {PROTOCOL_LMTP, true, "ann@example.org", "", "with UTF8LMTPA id"},
    {PROTOCOL_ESMTP, false, "", "TLSv1.3", "with ESMTPS id"},
    {PROTOCOL_ESMTP, true, "ann@example.org", "TLSv1.3", "with UTF8SMTPSA id"},
    {PROTOCOL_LMTP, false, "ann@example.org", "TLSv1.3", "with LMTPSA id"},
    {PROTOCOL_LMTP, true, "", "TLSv1.3", "with UTF8LMTPS id"},
};

START_TEST(protocol_keyword)
{
    struct envelope e = envelope();

    e.protocol = protocols[_i].protocol;
    e.smtputf8 = protocols[_i].smtputf8;
    e.login = protocols[_i].login;
    e.tls_version = protocols[_i].tls;
    char *text = build(&e, 0, false);
    ck_assert_msg(strstr(text, protocols[_i].with) != NULL, "%s", protocols[_i].with);
    free(text);
}
END_TEST

START_TEST(tls_is_named)
{
    struct envelope e = envelope();

    e.tls_version = "TLSv1.3";
    e.tls_cipher = "TLS_AES_256_GCM_SHA384";
    char *text = build(&e, 0, false);
    ck_assert_ptr_nonnull(strstr(text, "[192.0.2.1])\r\n"
                                       "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n"
                                       "\tby mx.example.org"));
    free(text);
}
END_TEST

/* Whatever a peer calls itself, it ends no line and begins no field. */
START_TEST(hostile_names_stay_in_their_place)
{
    static const char hostile[] = "a\r\nBcc: x@y\r\n\r\nbody (\\) \x1b[2J";
    struct envelope e = envelope();

    e.helo = hostile;
    e.client_name = hostile;
    e.client_ip = hostile;
    e.tls_version = hostile;
    e.tls_cipher = hostile;
    char *text = build(&e, 0, true);
    ck_assert_ptr_null(strstr(text, "\nBcc"));
    ck_assert_ptr_null(strchr(text, '\x1b'));
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
        ck_assert(strchr("RD\t", *line) != NULL);
    free(text);
}
END_TEST

START_TEST(a_unix_socket_has_no_address)
{
    struct envelope e = envelope();

    e.client_ip = "";
    e.helo = "";
    char *text = build(&e, 0, false);
    ck_assert_ptr_nonnull(strstr(text, "Received: from unknown\r\n\tby"));
    free(text);
}
END_TEST

TCase *
trace_tests(void)
{
    TCase *t = tcase_create("trace");

    tcase_add_test(t, one_recipient_is_named);
    tcase_add_test(t, several_recipients_stay_blind);
    tcase_add_test(t, null_sender_and_no_delivered_to);
    tcase_add_test(t, a_passage_is_no_delivery);
    tcase_add_loop_test(t, a_fronts_field_is_known, 0, sizeof fronts / sizeof fronts[0]);
    tcase_add_test(t, what_a_front_writes_is_a_fronts_field);
    tcase_add_loop_test(t, protocol_keyword, 0, sizeof protocols / sizeof protocols[0]);
    tcase_add_test(t, tls_is_named);
    tcase_add_test(t, hostile_names_stay_in_their_place);
    tcase_add_test(t, a_unix_socket_has_no_address);
    return t;
}
