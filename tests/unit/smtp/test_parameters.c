/* SPDX-License-Identifier: MIT
 *
 * Parameters of MAIL and RCPT, xtext, and command lines, as tables.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../../../src/smtp/command_priv.h"
#include "../../../src/smtp/parameters_priv.h"

static const struct {
    const char *in;
    enum smtp_reply reply;
    bool without_dsn;
    enum envelope_body body;
    enum envelope_ret ret;
    bool smtputf8, require_tls;
    uint64_t size;
    const char *envid, *auth_sender;
} mail_rows[] = {
    {.in = ""},
    {.in = " "},
    {.in = "  SIZE=5 ", .size = 5},
    {.in = " SIZE=0"},
    {.in = " size=12345 body=8bitmime smtputf8 ret=hdrs envid=a",
     .size = 12345,
     .body = BODY_8BITMIME,
     .smtputf8 = true,
     .ret = RET_HDRS,
     .envid = "a"},
    {.in = " BODY=7BIT RET=FULL", .ret = RET_FULL},
    {.in = " BODY=BINARYMIME", .body = BODY_BINARYMIME},
    {.in = " SIZE=18446744073709551615", .size = UINT64_MAX},
    {.in = " SIZE=18446744073709551616", .reply = REPLY_BAD_PARAMETER},
    {.in = " SIZE=9223372036854775808", .size = 1ULL << 63},
    {.in = " SIZE=000000000000000000001", .reply = REPLY_BAD_PARAMETER}, /* 21 digits */
    {.in = " SIZE=", .reply = REPLY_BAD_PARAMETER},
    {.in = " SIZE", .reply = REPLY_BAD_PARAMETER},
    {.in = " SIZE=+5", .reply = REPLY_BAD_PARAMETER},
    {.in = " SIZE=-5", .reply = REPLY_BAD_PARAMETER},
    {.in = " SIZE=5x", .reply = REPLY_BAD_PARAMETER},
    {.in = " SIZE=5 SIZE=5", .reply = REPLY_BAD_PARAMETER},
    {.in = " BODY=8BITMIME BODY=7BIT", .reply = REPLY_BAD_PARAMETER},
    {.in = " BODY=", .reply = REPLY_BAD_PARAMETER},
    {.in = " BODY=16BIT", .reply = REPLY_BAD_PARAMETER},
    {.in = " SMTPUTF8=1", .reply = REPLY_BAD_PARAMETER},
    {.in = " SMTPUTF8=", .reply = REPLY_BAD_PARAMETER},
    {.in = " SMTPUTF8 SMTPUTF8", .reply = REPLY_BAD_PARAMETER},
    {.in = " RET=BODY", .reply = REPLY_BAD_PARAMETER},
    {.in = " ENVID=a+2Bb+20c", .envid = "a+b c"},
    {.in = " ENVID=", .reply = REPLY_BAD_PARAMETER},
    {.in = " ENVID=a=b", .reply = REPLY_BAD_PARAMETER},
    {.in = " ENVID=a+2b", .reply = REPLY_BAD_PARAMETER},    /* lower case digits */
    {.in = " ENVID=a+0D+0A", .reply = REPLY_BAD_PARAMETER}, /* an encoded line end */
    {.in = " ENVID=a+00", .reply = REPLY_BAD_PARAMETER},
    {.in = " ENVID=a+7F", .reply = REPLY_BAD_PARAMETER},
    {.in = " ENVID=a+C3", .reply = REPLY_BAD_PARAMETER},
    {.in = " ENVID=a+4", .reply = REPLY_BAD_PARAMETER},
    {.in = " ENVID=a+", .reply = REPLY_BAD_PARAMETER},
    {.in = " ENVID=\xc3\xa4", .reply = REPLY_BAD_PARAMETER},
    {.in = "SIZE=5", .reply = REPLY_BAD_PARAMETER}, /* no space behind the path */
    {.in = "\tSIZE=5", .reply = REPLY_BAD_PARAMETER},
    {.in = " REQUIRETLS", .require_tls = true},
    {.in = " RequireTLS SIZE=5", .require_tls = true, .size = 5},
    {.in = " REQUIRETLS=", .reply = REPLY_BAD_PARAMETER},
    {.in = " REQUIRETLS=yes", .reply = REPLY_BAD_PARAMETER},
    {.in = " REQUIRETLS REQUIRETLS", .reply = REPLY_BAD_PARAMETER},
    {.in = " FOO", .reply = REPLY_UNKNOWN_PARAMETER},
    {.in = " FOO=bar", .reply = REPLY_UNKNOWN_PARAMETER},
    {.in = " =", .reply = REPLY_UNKNOWN_PARAMETER},
    {.in = " AUTH=<>", .without_dsn = true, .reply = REPLY_UNKNOWN_PARAMETER},
    {.in = " AUTH=<>", .auth_sender = "<>"},
    {.in = " auth=+3C+3E", .auth_sender = "<>"},
    {.in = " AUTH=e+3Dmc2@example.com", .auth_sender = "e=mc2@example.com"},
    {.in = " AUTH=ann@example.org SIZE=5", .size = 5, .auth_sender = "ann@example.org"},
    {.in = " AUTH=", .reply = REPLY_BAD_PARAMETER},
    {.in = " AUTH", .reply = REPLY_BAD_PARAMETER},
    {.in = " AUTH=<ann@example.org>", .reply = REPLY_BAD_PARAMETER},
    {.in = " AUTH=ann@example.org+0D+0A250", .reply = REPLY_BAD_PARAMETER},
    {.in = " AUTH=ann@example.org+00", .reply = REPLY_BAD_PARAMETER},
    {.in = " AUTH=ann", .reply = REPLY_BAD_PARAMETER},
    {.in = " AUTH=<> AUTH=<>", .reply = REPLY_BAD_PARAMETER},
    {.in = " NOTIFY=NEVER", .reply = REPLY_UNKNOWN_PARAMETER}, /* RCPT's */
    {.in = " RET=HDRS", .without_dsn = true, .reply = REPLY_UNKNOWN_PARAMETER},
    {.in = " ENVID=a", .without_dsn = true, .reply = REPLY_UNKNOWN_PARAMETER},
};

START_TEST(mail_parameters)
{
    const char *sender = mail_rows[_i].auth_sender;
    struct envelope e = {.envid = "", .auth_sender = ""};
    struct arena arena;

    arena_init(&arena, 65536);
    ck_assert_msg(
        parameters_parse_mail(span_of(mail_rows[_i].in),
                              mail_rows[_i].without_dsn ? 0 : PARAMETERS_DSN | PARAMETERS_AUTH,
                              &arena, &e) == mail_rows[_i].reply,
        "%s", mail_rows[_i].in);
    if (mail_rows[_i].reply == REPLY_NONE) {
        ck_assert_uint_eq(e.size, mail_rows[_i].size);
        ck_assert_int_eq(e.body, mail_rows[_i].body);
        ck_assert_str_eq(e.auth_sender, sender == NULL ? "" : sender);
        ck_assert_int_eq(e.ret, mail_rows[_i].ret);
        ck_assert_int_eq(e.smtputf8, mail_rows[_i].smtputf8);
        ck_assert_int_eq(e.require_tls, mail_rows[_i].require_tls);
        ck_assert_str_eq(e.envid, mail_rows[_i].envid == NULL ? "" : mail_rows[_i].envid);
    }
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *in;
    enum smtp_reply reply;
    bool without_dsn, smtputf8;
    unsigned notify;
    const char *orcpt;
} rcpt_rows[] = {
    {.in = ""},
    {.in = " NOTIFY=NEVER", .notify = NOTIFY_NEVER},
    {.in = " NOTIFY=never", .notify = NOTIFY_NEVER},
    {.in = " NOTIFY=SUCCESS,DELAY,FAILURE",
     .notify = NOTIFY_SUCCESS | NOTIFY_DELAY | NOTIFY_FAILURE},
    {.in = " NOTIFY=FAILURE", .notify = NOTIFY_FAILURE},
    {.in = " NOTIFY=NEVER,DELAY", .reply = REPLY_BAD_PARAMETER},
    {.in = " NOTIFY=DELAY,NEVER", .reply = REPLY_BAD_PARAMETER},
    {.in = " NOTIFY=", .reply = REPLY_BAD_PARAMETER},
    {.in = " NOTIFY=DELAY,", .reply = REPLY_BAD_PARAMETER},
    {.in = " NOTIFY=,DELAY", .reply = REPLY_BAD_PARAMETER},
    {.in = " NOTIFY=DELAY NOTIFY=DELAY", .reply = REPLY_BAD_PARAMETER},
    {.in = " NOTIFY=NEVER", .without_dsn = true, .reply = REPLY_UNKNOWN_PARAMETER},
    {.in = " ORCPT=rfc822;ann+2Bdetail@d.test", .orcpt = "rfc822;ann+detail@d.test"},
    {.in = " ORCPT=RFC822;a+20b@d.test", .orcpt = "RFC822;a b@d.test"},
    {.in = " ORCPT=x400;a+3Db", .orcpt = "x400;a=b"},
    {.in = " ORCPT=rfc822", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=rfc822;", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=;a", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=rfc(822;a", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=rfc822;a+0Ab", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=rfc822;\xc3\xa4@d.test", .smtputf8 = true, .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;\xc3\xa4@d.test", .smtputf8 = true, .orcpt = "utf-8;\xc3\xa4@d.test"},
    {.in = " ORCPT=utf-8;\xc3\xa4@d.test", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;\\x{E4}@d.test", .orcpt = "utf-8;\xc3\xa4@d.test"},
    {.in = " ORCPT=utf-8;\\x{10FFFF}", .orcpt = "utf-8;\xf4\x8f\xbf\xbf"},
    {.in = " ORCPT=utf-8;a\\x{2B}b", .orcpt = "utf-8;a+b"},
    {.in = " ORCPT=utf-8;\\x{110000}", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;\\x{D800}", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;\\x{0A}", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;\\x{85}", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;\\x{e4}", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;\\x{E4", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;\\x", .reply = REPLY_BAD_PARAMETER},
    {.in = " ORCPT=utf-8;a+2Bb", .reply = REPLY_BAD_PARAMETER}, /* that is xtext */
    {.in = " ORCPT=utf-8;\xc3", .smtputf8 = true, .reply = REPLY_BAD_PARAMETER},
    {.in = " SIZE=5", .reply = REPLY_UNKNOWN_PARAMETER},
};

START_TEST(rcpt_parameters)
{
    struct envelope_recipient r = {.orcpt = ""};
    struct arena arena;

    arena_init(&arena, 65536);
    ck_assert_msg(parameters_parse_rcpt(span_of(rcpt_rows[_i].in),
                                        rcpt_rows[_i].without_dsn ? 0 : PARAMETERS_DSN,
                                        rcpt_rows[_i].smtputf8, &arena, &r) == rcpt_rows[_i].reply,
                  "%s", rcpt_rows[_i].in);
    if (rcpt_rows[_i].reply == REPLY_NONE) {
        ck_assert_uint_eq(r.notify, rcpt_rows[_i].notify);
        ck_assert_str_eq(r.orcpt, rcpt_rows[_i].orcpt == NULL ? "" : rcpt_rows[_i].orcpt);
    }
    arena_release(&arena);
}
END_TEST

START_TEST(long_values_are_refused_at_their_limit)
{
    struct arena arena;
    char text[502];

    memset(text, 'a', sizeof(text));
    arena_init(&arena, 65536);
    ck_assert_ptr_nonnull(xtext_decode((struct span){text, 100}, 100, &arena));
    ck_assert_ptr_null(xtext_decode((struct span){text, 101}, 100, &arena));
    ck_assert_ptr_nonnull(utf8_address_decode((struct span){text, 500}, 500, false, &arena));
    ck_assert_ptr_null(utf8_address_decode((struct span){text, 501}, 500, false, &arena));
    arena_release(&arena);
}
END_TEST

START_TEST(xtext_of_every_octet_comes_back)
{
    static const char hex[] = "0123456789ABCDEF";
    struct arena arena;

    arena_init(&arena, 65536);
    for (unsigned c = 0; c < 256; c++) {
        char coded[3] = {'+', hex[c / 16], hex[c % 16]};
        char plain = (char)c;
        const char *from_coded = xtext_decode((struct span){coded, 3}, 100, &arena);
        const char *from_plain = xtext_decode((struct span){&plain, 1}, 100, &arena);
        bool is_text = c >= 0x20 && c <= 0x7e;

        ck_assert_int_eq(from_coded != NULL, is_text);
        ck_assert(!is_text || (from_coded[0] == plain && from_coded[1] == '\0'));
        ck_assert_int_eq(from_plain != NULL, is_text && c != ' ' && c != '+' && c != '=');
    }
    arena_release(&arena);
}
END_TEST

static const struct {
    const char *in;
    size_t length;
} line_rows[] = {
    {"", 0},         {"NOOP", 0},      {"NOOP\r", 0},       {"NOOP\n", 0},
    {"NOOP\r\n", 6}, {"A\nB\r\nC", 5}, {"A\rB\r\n\r\n", 5}, {"\n\r\n", 3},
    {"\r\n", 2},     {"\n", 0},        {"A\n\r", 0},        {"A\r\r\nB", 4},
};

START_TEST(only_crlf_ends_a_line)
{
    ck_assert_msg(command_line_length(span_of(line_rows[_i].in)) == line_rows[_i].length, "%s",
                  line_rows[_i].in);
}
END_TEST

static const struct {
    const char *line, *verb, *args;
} command_rows[] = {
    {"NOOP", "NOOP", ""},
    {"NOOP ", "NOOP", ""},
    {"noop  x ", "noop", " x"},
    {"MAIL FROM:<>", "MAIL", "FROM:<>"},
    {"", NULL, NULL},
    {" NOOP", NULL, NULL},
    {"NOOP:", NULL, NULL},
    {"N00P", NULL, NULL},
    {"NOOP\n", NULL, NULL},
    {"NOOP \x7f", NULL, NULL},
    {"NOOP \t", NULL, NULL},
    {"\xc3\xa4", NULL, NULL},
    {"VRFY \xc3\xa4", "VRFY", "\xc3\xa4"},
};

START_TEST(a_line_is_split_into_verb_and_arguments)
{
    struct span verb, args;
    bool is_command = command_split(span_of(command_rows[_i].line), &verb, &args);

    ck_assert_msg(is_command == (command_rows[_i].verb != NULL), "%s", command_rows[_i].line);
    if (is_command)
        ck_assert(span_equal(verb, span_of(command_rows[_i].verb)) &&
                  span_equal(args, span_of(command_rows[_i].args)));
}
END_TEST

START_TEST(every_reply_has_a_line_with_code_and_enhanced_code)
{
    for (int id = REPLY_NONE + 1; id < REPLY_COUNT; id++) {
        struct span line = reply_line((enum smtp_reply)id);
        int code = reply_code((enum smtp_reply)id);

        ck_assert_uint_le(line.n, REPLY_LINE_MAX);
        ck_assert(line.n > 6 && memcmp(line.p + line.n - 2, "\r\n", 2) == 0);
        ck_assert_int_ge(code, 220);
        ck_assert_int_le(code, 555);
        if (id !=
            REPLY_START_DATA) /* RFC 2034 section 4: 2, 4 and 5 only; class equal to the code's */
            ck_assert(line.p[4] == line.p[0] && line.p[5] == '.' && line.p[7] == '.' &&
                      (line.p[9] == ' ' || line.p[10] == ' '));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("parameters");
    TCase *cases = tcase_create("parameters");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases);
    tcase_add_loop_test(cases, mail_parameters, 0, sizeof(mail_rows) / sizeof(mail_rows[0]));
    tcase_add_loop_test(cases, rcpt_parameters, 0, sizeof(rcpt_rows) / sizeof(rcpt_rows[0]));
    tcase_add_test(cases, long_values_are_refused_at_their_limit);
    tcase_add_test(cases, xtext_of_every_octet_comes_back);
    tcase_add_loop_test(cases, only_crlf_ends_a_line, 0, sizeof(line_rows) / sizeof(line_rows[0]));
    tcase_add_loop_test(cases, a_line_is_split_into_verb_and_arguments, 0,
                        sizeof(command_rows) / sizeof(command_rows[0]));
    tcase_add_test(cases, every_reply_has_a_line_with_code_and_enhanced_code);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
