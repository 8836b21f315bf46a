/* SPDX-License-Identifier: MIT
 *
 * All filters of a session: two that answer from a table, in front of every stage and the message,
 * and the orders in which edge, store and filters may speak, leave or be lost.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CONTINUE SPAN("\0\0\0\1c")
#define MESSAGE "From: a\r\nX: 1\r\n\r\nbody\r\n"
#define NAME "0123456789abcdef0123456789abcdef.1"
#define AGREED SPAN("\0\0\0\x0dO\0\0\0\6\0\0\1\xff\0\0\0\0")

struct line { /* what a filter answers to one command; p NULL: it is gone instead */
    char command;
    struct span answer;
};

struct fake { /* a filter */
    const struct line *script;
    struct buf said;
    char commands[512];
    size_t count;
    bool wants_connection, is_gone, is_away;
};

struct owner {
    struct chain *chain;
    struct fake fakes[2];
    struct settings settings;
    struct settings_milter milters[2];
    char verdicts[64]; /* "250 550 " */
    bool has_lost, is_closed;
    bool is_full; /* sockets take one packet, then no more for now */
    unsigned results;
    enum filter_verdict verdict;
    char code[4];
    char header[256], body[64], envelope[256];
};

/* --- the owner's calls --- */

static void
on_connect(void *arg, unsigned i)
{
    ((struct owner *)arg)->fakes[i].wants_connection = true;
}

static bool
on_send(void *arg, unsigned i, struct span octets)
{
    struct owner *o = arg;

    ck_assert(buf_append_span(&o->fakes[i].said, octets));
    return !o->is_full;
}

static void
on_waits(void *arg, unsigned i)
{
    (void)chain_waits_for(((struct owner *)arg)->chain, i);
}

static void
on_verdict(void *arg, uint64_t ticket, bool has_lost, const struct outcome *why)
{
    struct owner *o = arg;
    size_t at = strlen(o->verdicts);

    ck_assert_uint_ne(ticket, 0);
    snprintf(o->verdicts + at, sizeof(o->verdicts) - at, "%d ", outcome_code(why));
    o->has_lost = has_lost;
}

static void
keep_envelope(struct owner *o, const struct filter_result *r)
{
    snprintf(o->envelope, sizeof(o->envelope), "+%u -%u %s%s%s", r->added_count, r->deleted_count,
             r->added_count > 0 ? r->added[0].local : "", r->quarantine,
             r->has_sender ? "sender" : "");
}

static void
on_result(void *arg, const struct filter_result *r, struct message *body)
{
    struct owner *o = arg;

    o->results++;
    o->verdict = r->verdict;
    snprintf(o->code, sizeof(o->code), "%d", outcome_code(&r->why));
    snprintf(o->header, sizeof(o->header), "%.*s", (int)r->header.n, r->header.p);
    keep_envelope(o, r);
    o->body[0] = '\0';
    if (r->has_new_body) {
        ssize_t n = message_read(body, 0, o->body, sizeof(o->body) - 1);

        ck_assert_int_ge(n, 0);
        o->body[n] = '\0';
    }
}

static void
on_closed(void *arg)
{
    ((struct owner *)arg)->is_closed = true;
}

static const struct chain_calls calls = {
    .connect = on_connect,
    .send = on_send,
    .waits = on_waits,
    .verdict = on_verdict,
    .result = on_result,
    .closed = on_closed,
};

/* --- the filters --- */

static struct span
answer_of(const struct fake *f, char command)
{
    for (const struct line *l = f->script; l != NULL && l->command != '\0'; l++)
        if (l->command == command)
            return l->answer;
    return command == 'O' ? AGREED : strchr("DAQ", command) != NULL ? SPAN("") : CONTINUE;
}

static void
hear_one(struct owner *o, unsigned i)
{
    struct fake *f = &o->fakes[i];
    const unsigned char *p = (const unsigned char *)f->said.data;
    size_t n = 4 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
    char command = f->said.data[4];
    struct span answer = answer_of(f, command);

    ck_assert(f->said.len >= n && f->count < sizeof(f->commands) - 1);
    f->commands[f->count++] = command;
    buf_consume(&f->said, n);
    if (f->said.len == 0)
        chain_resume(o->chain, i); /* there is room again */
    if (answer.p == NULL) {
        f->is_gone = true;
        chain_lost(o->chain, i, "it is gone");
    } else if (answer.n > 0) {
        chain_feed(o->chain, i, answer);
    }
}

static bool
pump_one(struct owner *o, unsigned i)
{
    struct fake *f = &o->fakes[i];

    if (f->wants_connection) {
        f->wants_connection = false;
        if (f->is_away)
            chain_lost(o->chain, i, "it is away");
        else
            chain_opened(o->chain, i);
        return true;
    }
    if (f->is_gone || f->said.len == 0)
        return false;
    hear_one(o, i);
    return true;
}

static void
pump(struct owner *o)
{
    while (pump_one(o, 0) || pump_one(o, 1))
        ;
}

/* --- a session --- */

static void
begin(struct owner *o, const struct line *first, const struct line *second, bool must)
{
    static const char *const names[] = {"first", "second"};

    *o = (struct owner){.settings = {.authserv_id = "mx.test"}};
    for (unsigned i = 0; i < 2; i++) {
        o->milters[i] = (struct settings_milter){.name = names[i], .quarantine = "Junk"};
        o->milters[i].on_failure = must ? ON_FAILURE_TEMPFAIL : ON_FAILURE_ACCEPT;
        buf_init(&o->fakes[i].said, 1 << 20);
    }
    o->fakes[0].script = first;
    o->fakes[1].script = second;
    o->settings.milters = o->milters;
    o->settings.milter_count = 2;
    o->settings.limits.message_size = 1 << 20;
    o->chain = chain_new(&calls, o, &o->settings, names, 2);
    ck_assert_ptr_nonnull(o->chain);
}

static void
finish(struct owner *o)
{
    chain_free(o->chain);
    for (unsigned i = 0; i < 2; i++)
        buf_release(&o->fakes[i].said);
}

static void
tell(struct owner *o, uint64_t ticket, enum filter_stage stage, bool is_late)
{
    struct filter_event e = {.stage = stage, .is_late = is_late};

    for (unsigned i = 0; i < 4; i++)
        filter_event_argument(&e, i == 1 ? "4" : "<a@b.test>");
    filter_event_macro(&e, "i", "42");
    ck_assert(chain_event(o->chain, ticket, &e));
    pump(o);
}

static void
tell_stages(struct owner *o)
{
    for (int stage = FILTER_CONNECT; stage <= FILTER_DATA; stage++)
        tell(o, (uint64_t)stage + 1, (enum filter_stage)stage, false);
}

static void
ask(struct owner *o, const char *name, struct span text)
{
    struct message *m = message_from_memory(text);

    ck_assert(chain_message(o->chain, name, m));
    message_unref(m);
    pump(o);
}

static void
hand(struct owner *o, const char *name)
{
    ck_assert(chain_handed(o->chain, name));
    pump(o);
}

/* --- answers from a table --- */

#define LINES(...) ((const struct line[]){__VA_ARGS__, {'\0', SPAN("")}})
#define ADD_A                                                                                      \
    "\0\0\0\5hA\0"                                                                                 \
    "1\0"
#define ADD_B                                                                                      \
    "\0\0\0\5hB\0"                                                                                 \
    "2\0"
#define NOTHING                                                                                    \
    {                                                                                              \
        '\0', TEXT("")                                                                             \
    }
#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define SAYS_GO "\0\0\0\1c"

static const struct {
    const char *name;
    struct line first[2], second[2];
    bool must;
    const char *expected; /* verdicts of the stages, the result: its verdict, code, header, body */
} sessions[] = {
    {"both agree", {NOTHING}, {NOTHING}, true, "250 250 250 250 250 pass 250 [] [] +0 -0 "},
    {"the connection is refused",
     {{'C', TEXT("\0\0\0\1r")}},
     {NOTHING},
     true,
     "550 550 550 550 550 refuse 550 [] [] +0 -0 "},
    {"the second refuses MAIL",
     {NOTHING},
     {{'M', TEXT("\0\0\0\1t")}},
     true,
     "250 250 451 250 250 pass 250 [] [] +0 -0 "},
    {"RCPT is discarded",
     {{'R', TEXT("\0\0\0\1d")}},
     {NOTHING},
     true,
     "250 250 250 250 250 discard 250 [] [] +0 -0 "},
    {"the end is refused",
     {NOTHING},
     {{'E', TEXT("\0\0\0\x0dy554 5.7.1 x\0")}},
     true,
     "250 250 250 250 250 refuse 554 [] [] +0 -0 "},
    {"the end is discarded",
     {NOTHING},
     {{'E', TEXT("\0\0\0\1d")}},
     true,
     "250 250 250 250 250 discard 250 [] [] +0 -0 "},
    {"the first accepts the session, the second is asked",
     {{'C', TEXT("\0\0\0\1a")}},
     {{'E', TEXT("\0\0\0\1r")}},
     true,
     "250 250 250 250 250 refuse 550 [] [] +0 -0 "},
    {"both change it",
     {{'E', TEXT(ADD_A SAYS_GO)}},
     {{'E', TEXT(ADD_B SAYS_GO)}},
     true,
     "250 250 250 250 250 pass 250 [From: a\r\nX: 1\r\nA: 1\r\nB: 2\r\n\r\n] [] +0 -0 "},
    {"the second is gone half-way, not needed: only the first's changes",
     {{'E', TEXT(ADD_A SAYS_GO)}},
     {{'B', {NULL, 0}}},
     false,
     "250 250 250 250 250 pass 250 [From: a\r\nX: 1\r\nA: 1\r\n\r\n] [] +0 -0 "},
    {"the second is gone half-way, needed",
     {{'E', TEXT(ADD_A SAYS_GO)}},
     {{'B', {NULL, 0}}},
     true,
     "250 250 250 250 250 lost 451 [] [] +0 -0 "},
    {"the first breaks a rule in its changes, not needed",
     {{'E', TEXT(ADD_A "\0\0\0\1Z")}},
     {NOTHING},
     false,
     "250 250 250 250 250 pass 250 [] [] +0 -0 "},
    {"a new body",
     {{'E', TEXT("\0\0\0\4bnew" SAYS_GO)}},
     {NOTHING},
     true,
     "250 250 250 250 250 pass 250 [From: a\r\nX: 1\r\n\r\n] [new] +0 -0 "},
    {"a recipient with octets behind it",
     {{'E', TEXT("\0\0\0\x0a+<x@y.z>\0\0\0\0\x0b-<a@b.test>\0\0\0\0\4e<>\0"
                 "\0\0\0\3qx\0" SAYS_GO)}},
     {NOTHING},
     true,
     "250 250 250 250 250 lost 451 [] [] +0 -0 "},
    {"addresses that are none are left out",
     {{'E', TEXT("\0\0\0\5+@@@\0\0\0\0\x09+<x@y.z>\0\0\0\0\x0c-<a@b.test>\0\0\0\0\4e<>\0"
                 "\0\0\0\3qx\0" SAYS_GO)}},
     {NOTHING},
     true,
     "250 250 250 250 250 pass 250 [] [] +1 -1 xJunksender"},
    {"the first is lost at RCPT, needed",
     {{'R', {NULL, 0}}},
     {NOTHING},
     true,
     "250 250 250 451 451 lost 451 [] [] +0 -0 "},
    {"the first is lost at RCPT, not needed",
     {{'R', {NULL, 0}}},
     {NOTHING},
     false,
     "250 250 250 250 250 pass 250 [] [] +0 -0 "},
    {"it wants another protocol",
     {{'O', TEXT("\0\0\0\x0dO\0\0\0\x09\0\0\0\0\0\0\0\0")}},
     {NOTHING},
     true,
     "451 451 451 451 451 refuse 451 [] [] +0 -0 "},
};

static void
print_session(const struct owner *o, char *out, size_t size)
{
    static const char *const verdicts[] = {
        [FILTER_PASS] = "pass",
        [FILTER_REFUSE] = "refuse",
        [FILTER_DISCARD] = "discard",
        [FILTER_LOST] = "lost",
    };

    snprintf(out, size, "%s%s %s [%s] [%s] %s", o->verdicts, verdicts[o->verdict], o->code,
             o->header, o->body, o->envelope);
}

START_TEST(session)
{
    struct owner o;
    char got[1024];

    begin(&o, sessions[_i].first, sessions[_i].second, sessions[_i].must);
    tell_stages(&o);
    hand(&o, NAME);
    ask(&o, NAME, SPAN(MESSAGE));
    print_session(&o, got, sizeof(got));
    ck_assert_msg(strcmp(got, sessions[_i].expected) == 0, "%s: '%s'", sessions[_i].name, got);
    ck_assert_uint_eq(o.results, 1);
    ck_assert(chain_close(o.chain) && o.is_closed);
    finish(&o);
}
END_TEST

/* --- orders --- */

START_TEST(one_that_is_away)
{
    struct owner o;

    begin(&o, NULL, NULL, _i == 1);
    o.fakes[0].is_away = true;
    tell(&o, 1, FILTER_MAIL, false);
    ck_assert_str_eq(o.verdicts, _i == 1 ? "451 " : "250 ");
    ck_assert(o.has_lost);
    ck_assert_str_eq(o.fakes[0].commands, "");
    finish(&o);
}
END_TEST

START_TEST(one_that_is_not_configured)
{
    static const char *const names[] = {"nobody"};
    struct owner o;

    begin(&o, NULL, NULL, false);
    chain_free(o.chain);
    o.chain = chain_new(&calls, &o, &o.settings, names, 1);
    ck_assert_ptr_null(chain_settings(o.chain, 0));
    tell(&o, 1, FILTER_CONNECT, false);
    ck_assert_str_eq(o.verdicts, "451 ");
    finish(&o);
}
END_TEST

/* Nobody waits for the verdict on what XFORWARD names: it counts for what follows. */
START_TEST(a_late_refusal_is_held)
{
    struct owner o;

    begin(&o, LINES({'H', SPAN("\0\0\0\1r")}), NULL, true);
    tell(&o, 1, FILTER_CONNECT, false);
    tell(&o, 0, FILTER_HELO, true);
    tell(&o, 2, FILTER_RCPT, false);
    ck_assert_str_eq(o.verdicts, "250 550 ");
    tell(&o, 3, FILTER_MAIL, false); /* another transaction */
    ck_assert_str_eq(o.verdicts, "250 550 250 ");
    finish(&o);
}
END_TEST

START_TEST(the_store_asks_before_the_edge_has_handed_over)
{
    struct owner o;

    begin(&o, NULL, NULL, true);
    tell_stages(&o);
    ask(&o, NAME, SPAN(MESSAGE));
    ck_assert_uint_eq(o.results, 0);
    struct message *m = message_from_memory(SPAN(MESSAGE));
    ck_assert(!chain_message(o.chain, NAME, m)); /* it asks already */
    message_unref(m);
    hand(&o, NAME);
    ck_assert(o.results == 1 && o.verdict == FILTER_PASS);
    finish(&o);
}
END_TEST

START_TEST(the_store_asks_about_another_message)
{
    struct owner o;

    begin(&o, NULL, NULL, true);
    tell_stages(&o);
    hand(&o, NAME);
    ask(&o, "0123456789abcdef0123456789abcdef.2", SPAN(MESSAGE));
    ck_assert(o.results == 1 && o.verdict == FILTER_LOST);
    ask(&o, NAME, SPAN(MESSAGE));
    ck_assert(o.results == 2 && o.verdict == FILTER_PASS);
    finish(&o);
}
END_TEST

START_TEST(a_name_too_long_is_not_asked_about)
{
    char name[FILTER_NAME_SIZE + 8];
    struct message *m = message_from_memory(SPAN(MESSAGE));
    struct owner o;

    begin(&o, NULL, NULL, true);
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    ck_assert(!chain_message(o.chain, name, m));
    message_unref(m);
    finish(&o);
}
END_TEST

START_TEST(what_was_handed_is_given_up_when_the_edge_goes_on)
{
    struct owner o;

    begin(&o, NULL, NULL, true);
    tell_stages(&o);
    hand(&o, NAME);
    tell(&o, 9, FILTER_MAIL, false);
    ck_assert_str_eq(o.verdicts, "250 250 250 250 250 250 ");
    ck_assert_ptr_nonnull(strchr(o.fakes[0].commands, 'A'));
    finish(&o);
}
END_TEST

/* The filter is still at DATA, which nobody waits for, as the client begins anew. */
START_TEST(what_was_handed_early_is_given_up_too)
{
    struct owner o;

    begin(&o, LINES({'T', SPAN("")}), NULL, true);
    for (int stage = FILTER_CONNECT; stage <= FILTER_RCPT; stage++)
        tell(&o, (uint64_t)stage + 1, (enum filter_stage)stage, false);
    tell(&o, 0, FILTER_DATA, true);
    hand(&o, NAME);
    tell(&o, 9, FILTER_MAIL, false);
    ck_assert_str_eq(o.verdicts, "250 250 250 250 ");
    chain_feed(o.chain, 0, CONTINUE);
    pump(&o);
    ck_assert_str_eq(o.verdicts, "250 250 250 250 250 ");
    finish(&o);
}
END_TEST

START_TEST(an_abort_is_told)
{
    struct owner o;

    begin(&o, NULL, NULL, true);
    tell_stages(&o);
    ck_assert(chain_abort(o.chain));
    pump(&o);
    ck_assert_str_eq(o.fakes[0].commands, "OCHDMDRDTA");
    ck_assert_str_eq(o.fakes[1].commands, "OCHDMDRDTA");
    finish(&o);
}
END_TEST

START_TEST(a_session_ends_while_the_store_asks)
{
    struct owner o;

    begin(&o, NULL, NULL, true);
    tell_stages(&o);
    ask(&o, NAME, SPAN(MESSAGE));
    if (_i == 0)
        ck_assert(chain_close(o.chain));
    finish(&o);
    ck_assert(o.results == 1 && o.verdict == FILTER_LOST);
}
END_TEST

START_TEST(freed_at_every_step)
{
    struct owner o;

    begin(&o, LINES({'E', SPAN(ADD_A SAYS_GO)}), NULL, true);
    for (int stage = FILTER_CONNECT; stage <= FILTER_DATA; stage++) {
        struct filter_event e = {.stage = (enum filter_stage)stage, .argument_count = 0};

        for (unsigned i = 0; i < 4; i++)
            filter_event_argument(&e, "4");
        ck_assert(chain_event(o.chain, 1, &e));
    }
    struct message *m = message_from_memory(SPAN(MESSAGE));
    ck_assert(chain_handed(o.chain, NAME) && chain_message(o.chain, NAME, m));
    message_unref(m);
    for (int i = 0; i < _i; i++)
        if (!pump_one(&o, 0))
            pump_one(&o, 1);
    finish(&o);
    ck_assert_uint_eq(o.results, 1); /* the store is told in any case */
}
END_TEST

START_TEST(requests_are_bounded)
{
    struct filter_event e = {.stage = FILTER_MAIL};
    struct owner o;
    unsigned n = 0;

    begin(&o, NULL, NULL, true);
    while (n < 100000 && chain_event(o.chain, n + 1, &e))
        n++;
    ck_assert_uint_lt(n, 1000);
    ck_assert(!chain_abort(o.chain) && !chain_close(o.chain) && !chain_handed(o.chain, NAME));
    finish(&o);
}
END_TEST

START_TEST(an_event_larger_than_its_memory)
{
    char text[4000];
    struct filter_event e = {.stage = FILTER_UNKNOWN};
    struct owner o;

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (unsigned i = 0; i < FILTER_ARGUMENTS_MAX; i++)
        filter_event_argument(&e, text);
    begin(&o, NULL, NULL, true);
    ck_assert(!chain_event(o.chain, 1, &e));
    finish(&o);
}
END_TEST

START_TEST(a_header_too_large_is_refused)
{
    struct buf text;
    struct owner o;

    buf_init(&text, FILTER_HEADER_MAX * 2);
    while (text.len <= FILTER_HEADER_MAX)
        ck_assert(buf_append_str(&text, "X: 0123456789012345678901234567890123456789\r\n"));
    begin(&o, NULL, NULL, true);
    tell_stages(&o);
    hand(&o, NAME);
    ask(&o, NAME, buf_span(&text));
    ck_assert(o.verdict == FILTER_REFUSE && strcmp(o.code, "554") == 0);
    buf_release(&text);
    finish(&o);
}
END_TEST

START_TEST(a_socket_that_is_full_is_written_to_later)
{
    struct owner o;

    begin(&o,
          LINES({'O', SPAN("\0\0\0\x0dO\0\0\0\6\0\0\1\xff\0\x0c\0\x80")}, {'L', SPAN("")},
                {'N', SPAN("")}, {'B', SPAN("")}),
          NULL, true); /* the first answers neither fields nor the body */
    o.is_full = true;
    tell_stages(&o);
    hand(&o, NAME);
    ask(&o, NAME, SPAN(MESSAGE));
    ck_assert(o.results == 1 && o.verdict == FILTER_PASS);
    ck_assert_str_eq(o.fakes[0].commands, "OCHDMDRDTLLDNBDE");
    finish(&o);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("chain");
    TCase *t = tcase_create("chain");

    tcase_add_loop_test(t, session, 0, COUNT(sessions));
    tcase_add_loop_test(t, one_that_is_away, 0, 2);
    tcase_add_test(t, one_that_is_not_configured);
    tcase_add_test(t, a_late_refusal_is_held);
    tcase_add_test(t, the_store_asks_before_the_edge_has_handed_over);
    tcase_add_test(t, the_store_asks_about_another_message);
    tcase_add_test(t, a_name_too_long_is_not_asked_about);
    tcase_add_test(t, what_was_handed_is_given_up_when_the_edge_goes_on);
    tcase_add_test(t, what_was_handed_early_is_given_up_too);
    tcase_add_test(t, an_abort_is_told);
    tcase_add_loop_test(t, a_session_ends_while_the_store_asks, 0, 2);
    tcase_add_loop_test(t, freed_at_every_step, 0, 40);
    tcase_add_test(t, requests_are_bounded);
    tcase_add_test(t, an_event_larger_than_its_memory);
    tcase_add_test(t, a_header_too_large_is_refused);
    tcase_add_test(t, a_socket_that_is_full_is_written_to_later);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
