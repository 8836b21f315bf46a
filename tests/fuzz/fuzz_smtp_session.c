/* SPDX-License-Identifier: MIT
 *
 * Whole dialogues: the first octet chooses the settings, a second one that is no verb's chooses
 * more of them (content filters, a client that reads late), the rest is what a client sends. It is
 * run twice, once whole with answers at once, once in small pieces with answers late: client and
 * store must see the same; and once more with something happening in between (a drain, a lost
 * store).
 * Every reply is a well-formed line, and every message that began ends. What follows the first
 * STARTTLS comes under TLS, where that was taken; log-ins end as their first octet says.
 */
#include <stdlib.h>
#include <string.h>

#include "doorstep/smtp_session.h"

#define QUESTIONS_MAX 4096

/* The second octet of settings. */
enum { WITH_FILTERS = 1, READS_LATE = 2, AUTH_REQUIRED = 4, TLS_REQUIRED = 8, MAIL_LIMITED = 16 };

struct run {
    struct smtp_session *session;
    struct buf output;
    struct buf stored; /* envelopes and contents */
    bool is_late, is_away, is_closed, in_message;
    bool begins_tls, in_auth, lost_auth; /* the store that the exchange began with is gone */
    bool has_unread;                     /* replies, which a client that READS_LATE has not read */
    unsigned more;                       /* the second octet of settings */
    unsigned mails;
    struct question {
        bool is_rcpt, is_auth, is_filter;
        unsigned auth; /* how it goes on */
        uint64_t id;
        uint32_t index;
        enum outcome_kind kind;
    } questions[QUESTIONS_MAX];
    size_t question_count;
};

static void
require(bool holds)
{
    if (!holds)
        abort();
}

/* Reply lines: three digits, space or '-', CRLF, no other control octets, not too long. */
static bool
on_reply(void *arg, struct span octets)
{
    struct run *r = arg;
    size_t start = 0;

    require(!r->is_closed);
    require(octets.n > 5 && octets.p[octets.n - 1] == '\n');
    for (size_t i = 0; i < octets.n; i++) {
        if (octets.p[i] != '\n') {
            require(octets.p[i] == '\r' || (unsigned char)octets.p[i] >= 0x20);
            continue;
        }
        require(i > start + 3 && octets.p[i - 1] == '\r' && i + 1 - start <= 512);
        require(octets.p[start] >= '2' && octets.p[start] <= '5');
        require(octets.p[start + 3] == ' ' || octets.p[start + 3] == '-');
        start = i + 1;
    }
    require(buf_append_span(&r->output, octets));
    r->has_unread = (r->more & READS_LATE) != 0;
    return !r->has_unread;
}

static void
answer_auth(struct run *r, unsigned how)
{
    static const enum sasl_verdict verdicts[] = {SASL_ACCEPTED, SASL_REFUSED, SASL_MALFORMED,
                                                 SASL_BANNED, SASL_UNAVAILABLE};

    require(r->in_auth);
    if (how % 8 < 3) {
        smtp_session_auth_challenge(r->session, SPAN("challenge"));
        return;
    }
    r->in_auth = false;
    smtp_session_auth_done(r->session, verdicts[how % 8 - 3], "ann@example.org");
}

static void
answer(struct run *r, const struct question *q)
{
    struct outcome o;

    outcome_set(&o, q->kind, NULL);
    if (q->is_auth)
        answer_auth(r, q->auth);
    else if (q->is_filter)
        smtp_session_filter_answer(r->session, q->id, &o);
    else if (q->is_rcpt)
        smtp_session_rcpt_answer(r->session, q->id, &o);
    else
        smtp_session_answer(r->session, q->index, &o, "ID");
}

static void
answer_all(struct run *r)
{
    while (r->question_count > 0) { /* the latest first */
        struct question q = r->questions[--r->question_count];

        answer(r, &q);
    }
}

static void
ask(struct run *r, struct question q)
{
    require(r->question_count < QUESTIONS_MAX);
    if (r->is_late)
        r->questions[r->question_count++] = q;
    else
        answer(r, &q);
}

static enum outcome_kind
kind_of(const struct address *a)
{
    static const enum outcome_kind kinds[] = {OUTCOME_RCPT_OK, OUTCOME_RCPT_OK, OUTCOME_RCPT_OK,
                                              OUTCOME_NO_SUCH_USER, OUTCOME_OVER_QUOTA};

    return kinds[(unsigned char)a->local[0] % 5];
}

/* Every second MAIL is one too many. */
static bool
on_mail_begin(void *arg, const char *client_ip, struct outcome *why)
{
    struct run *r = arg;

    require(client_ip != NULL && strcmp(client_ip, smtp_session_client_ip(r->session)) == 0);
    if ((r->more & MAIL_LIMITED) == 0 || r->mails++ % 2 == 0)
        return true;
    outcome_set(why, OUTCOME_BUSY, "too many messages");
    return false;
}

/* What a filter says depends on the last letter of what it is asked about, and on nothing else:
 * both runs hear the same. */
static void
on_ask_filter(void *arg, uint64_t id, const struct filter_event *e)
{
    static const enum outcome_kind kinds[] = {OUTCOME_OK, OUTCOME_OK, OUTCOME_OK,
                                              OUTCOME_FILTER_REFUSED, OUTCOME_FILTER_DEFERRED};
    const char *about = e->argument_count > 0 ? e->arguments[0] : "";
    size_t n = strlen(about);

    require(e->stage < FILTER_STAGES && e->argument_count <= FILTER_ARGUMENTS_MAX);
    while (n > 0 && (about[n - 1] == '>' || about[n - 1] == ']'))
        n--;
    ask(arg, (struct question){.is_filter = true,
                               .id = id,
                               .kind = kinds[n > 0 ? (unsigned char)about[n - 1] % 5 : 0]});
}

static void
on_filter_abort(void *arg)
{
    const struct run *r = arg;

    require((r->more & WITH_FILTERS) != 0);
}

static bool
on_client_changed(void *arg, const char *client_ip)
{
    (void)arg;
    (void)client_ip;
    return false;
}

static void
on_ask_rcpt(void *arg, uint64_t id, const struct address *recipient,
            const struct address *reverse_path, uint64_t size)
{
    (void)reverse_path;
    (void)size;
    ask(arg, (struct question){.is_rcpt = true, .id = id, .kind = kind_of(recipient)});
}

static bool
on_data_begin(void *arg, uint64_t size)
{
    struct run *r = arg;

    (void)size;
    require(!r->in_message);
    r->in_message = !r->is_away;
    return r->in_message;
}

static void
on_data(void *arg, struct span octets)
{
    struct run *r = arg;

    require(r->in_message && octets.n > 0);
    require(buf_append_span(&r->stored, octets));
}

static void
on_data_end(void *arg, const struct envelope *e)
{
    struct run *r = arg;
    uint32_t count = e->recipient_count;
    struct pack p;

    require(r->in_message && count > 0);
    r->in_message = false;
    pack_init(&p, &r->stored);
    envelope_pack(e, &p);
    require(!p.full);
    for (uint32_t i = 0; i < count; i++)
        ask(r,
            (struct question){.index = i, .kind = i % 2 == 0 ? OUTCOME_DELIVERED : OUTCOME_BUSY});
}

static void
on_data_abort(void *arg)
{
    struct run *r = arg;

    require(r->in_message);
    r->in_message = false;
}

static void
on_finished(void *arg, const struct smtp_summary *s)
{
    (void)arg;
    require(s->delivered + s->refused + s->deferred == s->envelope->recipient_count);
}

static void
on_close(void *arg, const char *reason)
{
    struct run *r = arg;

    require(!r->is_closed && reason != NULL);
    r->is_closed = true;
}

static bool
on_auth_step(void *arg, struct span octets)
{
    struct run *r = arg;

    require(octets.n <= SASL_OCTETS_MAX);
    if (r->lost_auth)
        return false;
    require(r->in_auth);
    ask(r, (struct question){.is_auth = true, .auth = octets.n > 0 ? (uint8_t)octets.p[0] : 3});
    return true;
}

static bool
on_auth_begin(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets)
{
    struct run *r = arg;

    require(!r->in_auth && m < SASL_MECHANISM_COUNT && (has_initial || octets.n == 0));
    r->in_auth = true;
    r->lost_auth = false;
    if (has_initial)
        return on_auth_step(arg, octets);
    ask(r, (struct question){.is_auth = true});
    return true;
}

static void
on_auth_abort(void *arg)
{
    struct run *r = arg;

    require(r->in_auth || r->lost_auth);
    r->in_auth = false;
    r->question_count = 0; /* nothing else is asked beside it */
}

static bool
on_can_start_tls(void *arg)
{
    (void)arg;
    return true;
}

static void
on_start_tls(void *arg)
{
    struct run *r = arg;

    r->begins_tls = true;
    smtp_session_tls_begin(r->session);
}

static const struct smtp_session_calls calls = {
    .can_start_tls = on_can_start_tls,
    .start_tls = on_start_tls,
    .auth_begin = on_auth_begin,
    .auth_step = on_auth_step,
    .auth_abort = on_auth_abort,
    .reply = on_reply,
    .mail_begin = on_mail_begin,
    .client_changed = on_client_changed,
    .ask_rcpt = on_ask_rcpt,
    .ask_filter = on_ask_filter,
    .filter_abort = on_filter_abort,
    .data_begin = on_data_begin,
    .data = on_data,
    .data_end = on_data_end,
    .data_abort = on_data_abort,
    .finished = on_finished,
    .close = on_close,
};

/* Answers that nobody waits for, or that come twice, change nothing. */
static void
answer_unasked(struct run *r, const struct outcome *o)
{
    size_t said = r->output.len;

    smtp_session_rcpt_answer(r->session, UINT64_MAX, o);
    smtp_session_filter_answer(r->session, UINT64_MAX, o);
    smtp_session_answer(r->session, UINT32_MAX, o, "ID");
    if (smtp_session_waits_for(r->session) != SMTP_WAIT_DELAY)
        smtp_session_delay_over(r->session);
    require(r->output.len == said);
}

static void
happen(struct run *r, size_t what)
{
    struct outcome o;

    outcome_set(&o, OUTCOME_SYSTEM, "the store is away");
    answer_unasked(r, &o);
    if (what % 6 == 0)
        smtp_session_drain(r->session);
    else if (what % 6 == 1)
        smtp_session_timeout(r->session);
    else if (what % 6 == 2)
        smtp_session_stop(r->session);
    else if (what % 6 == 3)
        smtp_session_expire(r->session);
    else {
        r->lost_auth = true;
        r->in_auth = false;
        smtp_session_fail(r->session, &o);
    }
    r->question_count = 0; /* its answers come no more, or too late */
    require(smtp_session_messages(r->session) <= 5 && smtp_session_errors(r->session) <= 21);
    require(smtp_session_messages(r->session) <= smtp_session_begun(r->session));
    require(smtp_session_login(r->session) == NULL ||
            strcmp(smtp_session_login(r->session), "ann@example.org") == 0);
    require(!r->is_closed || !smtp_session_in_auth(r->session));
    require(r->is_closed == (smtp_session_waits_for(r->session) == SMTP_WAIT_NOTHING));
}

/* The client reads, tarpits end, and all that waited for either goes on. */
static void
let_go_on(struct run *r)
{
    uint64_t steps;

    do {
        steps = smtp_session_steps(r->session);
        while (smtp_session_waits_for(r->session) == SMTP_WAIT_DELAY) {
            require(smtp_session_delay(r->session) <= 4);
            smtp_session_delay_over(r->session);
        }
        if (!smtp_session_wants_input(r->session))
            answer_all(r);
        if (r->has_unread) {
            r->has_unread = false;
            smtp_session_writable(r->session);
        }
    } while (r->has_unread || steps != smtp_session_steps(r->session));
}

static void
feed(struct run *r, struct span in, bool in_pieces, size_t left, unsigned what)
{
    while (in.n > 0) {
        size_t n = in_pieces ? (in.n > 3 ? 1 + in.n % 3 : 1) : in.n;

        smtp_session_feed(r->session, (struct span){in.p, n});
        in = span_skip(in, n);
        if (in.n <= left && in.n + n > left)
            happen(r, left + what);
        let_go_on(r);
    }
    do {
        answer_all(r);
        let_go_on(r);
    } while (r->question_count > 0);
}

/* Up to the end of the first STARTTLS, or all. */
static size_t
plain_length(struct span in)
{
    static const char verb[] = "STARTTLS\r\n";
    const char *at = memmem(in.p, in.n, verb, sizeof(verb) - 1);

    return at != NULL ? (size_t)(at - in.p) + sizeof(verb) - 1 : in.n;
}

static enum listen_tls
tls_of(unsigned options, unsigned more)
{
    if ((more & TLS_REQUIRED) != 0)
        return LISTEN_TLS_REQUIRED;
    return (options & 0x20) != 0 ? LISTEN_TLS_OFFERED : LISTEN_TLS_NONE;
}

/* What happens when `left` octets are still to come; SIZE_MAX: nothing. */
static struct run *
run(uint8_t options, unsigned more, struct span in, bool in_pieces, size_t left)
{
    static const struct settings_limits limits = {.message_size = 300,
                                                  .recipients = 5,
                                                  .command_line = 200,
                                                  .errors = 20,
                                                  .transactions = 5,
                                                  .commands = 60,
                                                  .unknown_recipients = 12,
                                                  .tarpit_recipients = 4};
    const struct smtp_session_config config = {
        .protocol = (options & 1) != 0 ? LISTEN_SMTP : LISTEN_LMTP,
        .hostname = "mx.test",
        .session_id = "S",
        .client_ip = "192.0.2.2",
        .trusted = (options & 2) != 0,
        .dsn = (options & 4) != 0,
        .bare_newline = (enum bare_newline)((options >> 3) % 3),
        .tarpit_ms = 1,
        .tarpit_max_ms = 4,
        .tls = tls_of(options, more),
        .auth = (options & 0x40) != 0,
        .auth_plain_without_tls = (options & 1) != 0,
        .auth_failures_max = 3,
        .require = (more & AUTH_REQUIRED) != 0 ? REQUIRE_AUTH : REQUIRE_NONE,
        .filter_key = (more & WITH_FILTERS) != 0 ? "K" : NULL,
        .client_port = "",
        .daemon_addr = "192.0.2.25",
        .daemon_port = "25",
        .limits = &limits,
    };
    static const struct tls_facts facts = {.version = "TLSv1.3", .cipher = "X"};
    struct span plain = {in.p, plain_length(in)}, rest = span_skip(in, plain.n);
    struct run *r = calloc(1, sizeof(*r));

    require(r != NULL);
    buf_init(&r->output, 64 << 20);
    buf_init(&r->stored, 64 << 20);
    r->is_late = in_pieces;
    r->more = more;
    r->is_away = (options & 0xe0) == 0xe0;
    r->session = smtp_session_new(&config, &calls, r);
    require(r->session != NULL);
    smtp_session_greet(r->session);
    feed(r, plain, in_pieces, left == SIZE_MAX || left < rest.n ? SIZE_MAX : left - rest.n,
         options);
    if (r->begins_tls && !r->is_closed)
        smtp_session_tls_started(r->session, &facts);
    feed(r, rest, in_pieces, left, options);
    smtp_session_free(r->session);
    require(!r->in_message);
    return r;
}

static void
release(struct run *r)
{
    buf_release(&r->output);
    buf_release(&r->stored);
    free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run *whole, *pieces;
    struct span in;
    unsigned more;

    if (size < 3 || size > 20000)
        return 0;
    more = data[1] < ' ' ? data[1] : 0;
    in = (struct span){(const char *)data + 1, size - 1};
    if (data[1] < ' ')
        in = span_skip(in, 1);
    whole = run(data[0], more, in, false, SIZE_MAX);
    pieces = run(data[0], more, in, true, SIZE_MAX);
    require(span_equal(buf_span(&whole->output), buf_span(&pieces->output)));
    release(whole);
    release(pieces);
    release(run(data[0], more, in, true, data[size - 1] * in.n / 256));
    return 0;
}
