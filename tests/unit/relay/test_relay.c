/* SPDX-License-Identifier: MIT
 *
 * Mail that leaves: what a script's actions look like as messages, and that nothing of a script or
 * of the message that it answers can break out of its field.
 */
#include <check.h>
#include <stdlib.h>

#include "doorstep/charset.h"
#include "doorstep/relay.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HEAD                                                                                       \
    "From: Bob <bob@example.com>\r\nTo: ann@example.org\r\nMessage-ID: <1@example.com>\r\n"        \
    "Subject: Hello\r\n"

static const struct sieve_user user = {
    .address = "ann@example.org",
    .name = "ann",
    .delimiters = "+",
    .postmaster = "postmaster@example.org",
    .hostname = "mx.example.org",
};

struct world {
    struct sieve_limits limits;
    struct sieve_envelope envelope;
    struct sieve_host host;
    struct charsets *charsets;
    struct sieve_program *program;
    struct sieve_run *run;
    struct buf message;
    const struct sieve_action *action; /* the first one */
    struct relay_origin origin;
};

static const char *
setting(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "sieve_vacation_send_from_recipient") == 0)
        return "yes";
    return strcmp(name, "sieve_redirect_envelope_from") == 0 ? "<relay@example.org>" : NULL;
}

static void
compile(struct world *w, const char *script)
{
    struct sieve_compiler c = {.limits = &w->limits};
    struct sieve_report *report = malloc(sizeof(*report));

    ck_assert_ptr_nonnull(report);
    sieve_report_init(report);
    w->program = sieve_compile(&c, "script", span_of(script), report);
    ck_assert_msg(w->program != NULL, "%s", report->count > 0 ? report->notes[0].text : "");
    sieve_report_release(report);
    free(report);
}

static void
world_init(struct world *w, const char *sender, const char *message, const char *script)
{
    uint32_t count;

    *w = (struct world){.envelope = {sender, "ann@example.org", "", "", "", "", "", "", ""}};
    sieve_limits_default(&w->limits);
    w->charsets = charsets_new();
    compile(w, script);
    const struct sieve_input in = {
        .message = span_of(message),
        .envelope = &w->envelope,
        .user = &user,
        .host = &w->host,
        .limits = &w->limits,
        .charsets = w->charsets,
        .now = 1700000000,
    };
    w->run = sieve_run_new(&in);
    ck_assert_ptr_nonnull(w->run);
    ck_assert_msg(sieve_run_script(w->run, w->program) == SIEVE_OK, "%s",
                  sieve_run_error(w->run)->text);
    w->action = sieve_run_finish(w->run, &count);
    ck_assert_uint_gt(count, 0);
    w->origin = (struct relay_origin){
        .user = &user, .envelope = &w->envelope, .now = 1700000000, .id = "id"};
    buf_init(&w->message, (size_t)1 << 20);
}

static void
world_release(struct world *w)
{
    buf_release(&w->message);
    sieve_run_free(w->run);
    sieve_program_free(w->program);
    charsets_free(w->charsets);
}

static void
check_has(const struct world *w, const char *part)
{
    ck_assert_msg(strstr(buf_str(&w->message), part) != NULL, "no %s in\n%s", part,
                  buf_str(&w->message));
}

/* ------------------------------------------------------------------ what stands in them */

static const struct {
    const char *name, *script;
    const char *parts[6];
} table[] = {
    {"vacation",
     "require \"vacation\"; vacation \"Away\";",
     {"From: ann@example.org\r\n", "To: Bob <bob@example.com>\r\n", "Subject: Auto: Hello\r\n",
      "In-Reply-To: <1@example.com>\r\n", "Auto-Submitted: auto-replied (vacation)\r\n",
      "\r\n\r\nAway\r\n"}},
    {"a subject that is not ASCII",
     "require \"vacation\"; vacation :subject \"F\xc3\xb6rr\" \"Away\";",
     {"Subject: =?utf-8?B?RsO2cnI=?=\r\n"}},
    {"a name that is not ASCII",
     "require \"vacation\"; vacation :from \"F\xc3\xb6rr <f@example.org>\" \"Away\";",
     {"From: =?utf-8?B?RsO2cnI=?= <f@example.org>\r\n"}},
    {"a name with a comma",
     "require \"vacation\"; vacation :from \"\\\"Lee, Ann\\\" <f@example.org>\" \"Away\";",
     {"From: \"Lee, Ann\" <f@example.org>\r\n"}},
    {"text in UTF-8",
     "require \"vacation\"; vacation \"\xc3\x84\";",
     {"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\x84"
      "\r\n"}},
    {"an entity brings its own header",
     "require \"vacation\"; vacation :mime \"Content-Type: text/html\r\n\r\n<p>x\";",
     {"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>x\r\n"}},
    {"reject",
     "require \"reject\"; reject \"No.\";",
     {"From: Mail Delivery Subsystem <postmaster@example.org>\r\n", "To: bob@example.com\r\n",
      "multipart/report; report-type=disposition-notification;", "as follows:\r\n\r\nNo.\r\n",
      "Disposition: automatic-action/MDN-sent-automatically; deleted\r\n",
      "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nFrom: Bob"}},
    {"notify",
     "require \"enotify\"; notify :importance \"1\" :message \"New\" "
     "\"mailto:a@b.example?cc=c@d.example&x-hint=h\";",
     {"To: a@b.example\r\n", "Cc: c@d.example\r\n", "Subject: New\r\n", "X-hint: h\r\n",
      "Importance: High\r\n",
      "Auto-Submitted: auto-notified; owner-email=\"ann@example.org\"\r\n"}},
    {"redirect keeps the message",
     "redirect \"x@example.net\";",
     {"X-Sieve-Redirected-From: ann@example.org\r\n", HEAD "\r\nA line.\r\n"}},
};

START_TEST(a_message_has)
{
    struct world w;

    world_init(&w, "bob@example.com", HEAD "\r\nA line.\r\n", table[_i].script);
    ck_assert_msg(relay_sends(&w.origin, w.action), "%s", table[_i].name);
    ck_assert_msg(relay_print(&w.origin, w.action, &w.message), "%s", table[_i].name);
    for (size_t i = 0; i < COUNT(table[_i].parts) && table[_i].parts[i] != NULL; i++)
        check_has(&w, table[_i].parts[i]);
    world_release(&w);
}
END_TEST

/* ------------------------------------------------------------------ envelopes */

START_TEST(nothing_answers_the_null_path)
{
    static const char *const scripts[] = {
        "require \"reject\"; reject \"No.\";",
        "require \"vacation\"; vacation \"Away\";",
    };
    struct world w;

    world_init(&w, "", HEAD "\r\nA line.\r\n", scripts[_i]);
    ck_assert(!relay_sends(&w.origin, w.action));
    world_release(&w);
}
END_TEST

static void
check_path(struct world *w, const char *expected)
{
    struct buf path;

    buf_init(&path, 1024);
    ck_assert(relay_reverse_path(&w->origin, w->action, &path));
    ck_assert_str_eq(buf_str(&path), expected);
    buf_release(&path);
}

START_TEST(whose_name_stands_on_the_envelope)
{
    struct world w;

    world_init(&w, "bob@example.com", HEAD "\r\n", "redirect \"x@example.net\";");
    check_path(&w, "bob@example.com");
    ck_assert_str_eq(relay_recipient(&w.origin, w.action, 0), "x@example.net");
    ck_assert_ptr_null(relay_recipient(&w.origin, w.action, 1));
    w.origin.setting = setting;
    check_path(&w, "relay@example.org");
    world_release(&w);
    world_init(&w, "", HEAD "\r\n", "redirect \"x@example.net\";");
    w.origin.setting = setting;
    check_path(&w, "");
    world_release(&w);
    world_init(&w, "bob@example.com", HEAD "\r\n", "require \"vacation\"; vacation \"x\";");
    check_path(&w, "");
    ck_assert_str_eq(relay_recipient(&w.origin, w.action, 0), "bob@example.com");
    w.origin.setting = setting;
    check_path(&w, "ann@example.org");
    world_release(&w);
    world_init(&w, "bob@example.com", HEAD "\r\n",
               "require \"vnd.dovecot.report\"; report \"abuse\" \"x\" \"a@b.c\";");
    check_path(&w, "");
    world_release(&w);
}
END_TEST

/* RFC 5436 2.7: :from, or the system's own; nothing when the message came from nobody. */
START_TEST(whose_notification_it_is)
{
    static const char script[] =
        "require \"enotify\"; notify :from \"Me <me@example.org>\" \"mailto:a@b.c\";";
    struct world w;

    world_init(&w, "bob@example.com", HEAD "\r\n", script);
    check_path(&w, "me@example.org");
    world_release(&w);
    world_init(&w, "", HEAD "\r\n", script);
    check_path(&w, "");
    world_release(&w);
    world_init(&w, "bob@example.com", HEAD "\r\n", "require \"enotify\"; notify \"mailto:a@b.c\";");
    check_path(&w, "postmaster@example.org");
    world_release(&w);
}
END_TEST

START_TEST(each_recipient_of_a_notification)
{
    struct world w;

    world_init(&w, "bob@example.com", HEAD "\r\n",
               "require \"enotify\"; notify \"mailto:a@b.c,d@e.f?cc=g@h.i\";");
    ck_assert_str_eq(relay_recipient(&w.origin, w.action, 0), "a@b.c");
    ck_assert_str_eq(relay_recipient(&w.origin, w.action, 1), "d@e.f");
    ck_assert_str_eq(relay_recipient(&w.origin, w.action, 2), "g@h.i");
    ck_assert_ptr_null(relay_recipient(&w.origin, w.action, 3));
    world_release(&w);
}
END_TEST

/* ------------------------------------------------------------------ hostile */

/* Each line of the header begins a field or goes on with one, and none is what was smuggled. */
static void
check_header(const struct world *w)
{
    struct span rest = buf_span(&w->message);

    for (;;) {
        struct span line = {rest.p, span_find(rest, '\n')};
        ck_assert(line.n > 0 && line.n < rest.n && line.p[line.n - 1] == '\r');
        if (line.n == 1)
            return;
        ck_assert_msg(line.p[0] == ' ' || line.p[0] == '\t' || span_find(line, ':') < line.n,
                      "%.*s", (int)line.n, line.p);
        ck_assert(!span_has_prefix_fold(line, SPAN("X-Smuggled")));
        ck_assert(line.n <= 999 && utf8_is_ascii(line));
        rest = span_skip(rest, line.n + 1);
    }
}

static const struct {
    const char *name, *message, *script;
} hostile[] = {
    {"a line end in a subject", HEAD "\r\n",
     "require [\"vacation\",\"encoded-character\"]; vacation :subject "
     "\"a${hex:0d 0a}X-Smuggled: b\" \"x\";"},
    {"an encoded one in the message's subject",
     "From: bob@example.com\r\nTo: ann@example.org\r\nSubject: "
     "=?utf-8?q?a=0D=0AX-Smuggled:_b?=\r\n\r\n",
     "require \"vacation\"; vacation \"x\";"},
    {"in a name",
     "From: =?utf-8?q?a=0D=0AX-Smuggled:_b?= <bob@example.com>\r\nTo: ann@example.org\r\n\r\n",
     "require \"vacation\"; vacation \"x\";"},
    {"in a name that is quoted",
     "From: \"a\r\n X-Smuggled: b\" <bob@example.com>\r\nTo: ann@example.org\r\n\r\n",
     "require \"vacation\"; vacation \"x\";"},
    {"bare CR in references",
     "From: bob@example.com\r\nTo: ann@example.org\r\nMessage-ID: <a\rX-Smuggled: b>\r\n\r\n",
     "require \"vacation\"; vacation \"x\";"},
    {"in a message of notify", HEAD "\r\n",
     "require [\"enotify\",\"encoded-character\"]; notify :message \"a${hex:0d "
     "0a}X-Smuggled: b\" \"mailto:a@b.c\";"},
    {"an id that is not ASCII",
     "From: bob@example.com\r\nTo: ann@example.org\r\nReferences: <a@b> "
     "<\xc3\xbc@b>\r\nMessage-ID: "
     "<\xc3\xbc@b>\r\n\r\n",
     "require \"vacation\"; vacation \"x\";"},
    {"an id that is not ASCII, refused",
     "From: bob@example.com\r\nTo: ann@example.org\r\nMessage-ID: <\xc3\xbc@b>\r\n\r\n",
     "require \"reject\"; reject \"x\";"},
    {"an id that is a very long word",
     "From: bob@example.com\r\nTo: ann@example.org\r\nMessage-ID: "
     "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@"
     "b"
     ">\r\n\r\n",
     "require \"vacation\"; vacation \"x\";"},
};

START_TEST(nothing_breaks_out)
{
    struct world w;

    world_init(&w, "bob@example.com", hostile[_i].message, hostile[_i].script);
    ck_assert_msg(relay_print(&w.origin, w.action, &w.message), "%s", hostile[_i].name);
    check_header(&w);
    world_release(&w);
}
END_TEST

/* RFC 5322 2.1.1: no line of a body is longer than 998 octets. */
START_TEST(long_lines_are_encoded)
{
    struct world w;
    struct buf script;

    buf_init(&script, 65536);
    buf_append_str(&script, "require \"vacation\"; vacation \"");
    for (int i = 0; i < 500; i++)
        buf_append_str(&script, "ab \xc3\xa4=");
    buf_append_str(&script, "\";");
    world_init(&w, "bob@example.com", HEAD "\r\n", buf_str(&script));
    ck_assert(relay_print(&w.origin, w.action, &w.message));
    check_has(&w, "Content-Transfer-Encoding: quoted-printable\r\n");
    for (struct span rest = buf_span(&w.message); rest.n > 0;) {
        size_t n = span_find(rest, '\n');
        ck_assert_uint_le(n, 77);
        rest = span_skip(rest, n + 1);
    }
    buf_release(&script);
    world_release(&w);
}
END_TEST

/* RFC 2045 6.4: what holds 8-bit parts says so; RFC 5965 3.2: paths have brackets. */
static const struct {
    const char *message, *script, *parts[3];
    bool is_8bit;
} wrapped[] = {
    {HEAD "\r\nA line.\r\n", "require \"reject\"; reject \"No.\";", {"report-type="}, false},
    {HEAD "\r\nA line.\r\n",
     "require \"reject\"; reject \"N\xc3\xb6.\";",
     {"\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--0=id\r\n"},
     true},
    {HEAD "\r\nGr\xc3\xbc\xc3\x9f.\r\n",
     "require \"reject\"; reject \"No.\";",
     {"\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--0=id\r\n",
      "message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"},
     true},
    {HEAD "\r\nA line.\r\n",
     "require \"vnd.dovecot.report\"; report \"abuse\" \"Spam.\" \"a@b.c\";",
     {"Original-Mail-From: <bob@example.com>\r\n", "Original-Rcpt-To: <ann@example.org>\r\n"},
     false},
};

START_TEST(reports_say_what_they_hold)
{
    struct world w;

    world_init(&w, "bob@example.com", wrapped[_i].message, wrapped[_i].script);
    ck_assert(relay_print(&w.origin, w.action, &w.message));
    for (size_t i = 0; i < COUNT(wrapped[_i].parts) && wrapped[_i].parts[i] != NULL; i++)
        check_has(&w, wrapped[_i].parts[i]);
    ck_assert(wrapped[_i].is_8bit == (strstr(buf_str(&w.message), "8bit") != NULL));
    world_release(&w);
}
END_TEST

START_TEST(full_output_is_said)
{
    struct world w;

    world_init(&w, "bob@example.com", HEAD "\r\nA line.\r\n",
               "require \"reject\"; reject \"No.\";");
    ck_assert(relay_print(&w.origin, w.action, &w.message));
    size_t whole = w.message.len;
    for (size_t max = 0; max < whole; max++) {
        struct buf small;
        buf_init(&small, max);
        bool ok = relay_print(&w.origin, w.action, &small);
        buf_release(&small);
        ck_assert(!ok);
    }
    world_release(&w);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("relay");
    TCase *cases = tcase_create("relay");

    tcase_add_loop_test(cases, a_message_has, 0, COUNT(table));
    tcase_add_loop_test(cases, nothing_answers_the_null_path, 0, 2);
    tcase_add_test(cases, whose_name_stands_on_the_envelope);
    tcase_add_test(cases, whose_notification_it_is);
    tcase_add_test(cases, each_recipient_of_a_notification);
    tcase_add_loop_test(cases, nothing_breaks_out, 0, COUNT(hostile));
    tcase_add_test(cases, long_lines_are_encoded);
    tcase_add_loop_test(cases, reports_say_what_they_hold, 0, COUNT(wrapped));
    tcase_add_test(cases, full_output_is_said);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
