/* SPDX-License-Identifier: MIT
 *
 * See fake_store.h.
 */
#include "fake_store.h"

#include <check.h>
#include <string.h>

#include "dense.h"

static bool
on_reply(void *arg, struct span octets)
{
    struct fake *f = arg;

    DENSE_CHECK(f->closed == 0); /* nothing behind the last word */
    DENSE_CHECK(buf_append_span(&f->output, octets));
    return !f->is_slow;
}

static void
answer_one(struct fake *f, const struct fake_question *q)
{
    if (q->is_auth && q->is_challenge)
        smtp_session_auth_challenge(f->session, SPAN_NONE);
    else if (q->is_auth)
        smtp_session_auth_done(f->session, q->verdict, "ann@d.test");
    else if (q->is_rcpt)
        smtp_session_rcpt_answer(f->session, q->id, &q->outcome);
    else
        smtp_session_answer(f->session, q->index, &q->outcome, "ID");
}

static void
ask(struct fake *f, struct fake_question q)
{
    if (f->answers == FAKE_AT_ONCE) {
        answer_one(f, &q);
        return;
    }
    DENSE_CHECK(f->question_count < FAKE_QUESTIONS_MAX);
    f->questions[f->question_count++] = q;
}

static enum outcome_kind
outcome_at_rcpt(const char *local)
{
    static const char *const known[] = {"ann", "bob", "cat", "ann b", "late", "gone", "postmaster"};

    if (strcmp(local, "full") == 0)
        return OUTCOME_OVER_QUOTA;
    if (strcmp(local, "away") == 0)
        return OUTCOME_SYSTEM;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(local, known[i]) == 0)
            return OUTCOME_RCPT_OK;
    }
    return (unsigned char)local[0] >= 0x80 ? OUTCOME_RCPT_OK : OUTCOME_NO_SUCH_USER;
}

static bool
on_mail_begin(void *arg, const char *client_ip, struct outcome *why)
{
    (void)arg;
    (void)client_ip;
    (void)why;
    return true;
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
    struct fake_question q = {.is_rcpt = true, .id = id};

    (void)reverse_path;
    (void)size;
    outcome_set(&q.outcome, outcome_at_rcpt(recipient->local), NULL);
    ask(arg, q);
}

static bool
on_data_begin(void *arg, uint64_t size)
{
    struct fake *f = arg;

    (void)size;
    if (f->is_away)
        return false;
    DENSE_CHECK(f->began == f->ended + f->aborted);
    f->began++;
    buf_reset(&f->content);
    return true;
}

static void
on_data(void *arg, struct span octets)
{
    struct fake *f = arg;

    DENSE_CHECK(f->began == f->ended + f->aborted + 1);
    DENSE_CHECK(octets.n > 0);
    DENSE_CHECK(buf_append_span(&f->content, octets));
}

static void
write_down(struct fake *f, const struct envelope *e)
{
    struct buf *out = &f->messages;

    DENSE_CHECK(address_print(&e->reverse_path, out));
    for (uint32_t i = 0; i < e->recipient_count; i++)
        DENSE_CHECK(buf_append_char(out, i == 0 ? '>' : ',') &&
                    address_print(&e->recipients[i].address, out));
    DENSE_CHECK(buf_append_char(out, '|') && buf_append_span(out, buf_span(&f->content)) &&
                buf_append_char(out, ';'));
}

static void
on_data_end(void *arg, const struct envelope *e)
{
    struct fake *f = arg;

    DENSE_CHECK(f->began == f->ended + f->aborted + 1);
    f->ended++;
    write_down(f, e);
    for (uint32_t i = 0, n = e->recipient_count; i < n; i++) {
        const char *local = e->recipients[i].address.local;
        struct fake_question q = {.index = i};

        outcome_set(&q.outcome,
                    strcmp(local, "late") == 0   ? OUTCOME_OVER_QUOTA
                    : strcmp(local, "gone") == 0 ? OUTCOME_NO_SUCH_USER
                                                 : OUTCOME_DELIVERED,
                    NULL);
        ask(f, q); /* the last answer may free the envelope */
    }
}

static void
on_data_abort(void *arg)
{
    struct fake *f = arg;

    DENSE_CHECK(f->began == f->ended + f->aborted + 1);
    f->aborted++;
    DENSE_CHECK(buf_append_str(&f->messages, "aborted;"));
}

static void
on_finished(void *arg, const struct smtp_summary *s)
{
    struct fake *f = arg;

    f->finished++;
    DENSE_CHECK(s->delivered + s->refused + s->deferred == s->envelope->recipient_count);
}

static void
on_close(void *arg, const char *reason)
{
    struct fake *f = arg;

    f->closed++;
    f->reason = reason;
    DENSE_CHECK(f->closed == 1);
}

static bool
on_can_start_tls(void *arg)
{
    return ((struct fake *)arg)->has_tls;
}

static void
on_start_tls(void *arg)
{
    struct fake *f = arg;

    f->tls_begun++;
    if (!f->tls_waits)
        smtp_session_tls_begin(f->session);
}

/* Whoever knows the word is let in; without a first response an empty challenge comes. */
static bool
on_auth_step(void *arg, struct span octets)
{
    static const char right[] = "\0ann\0good";
    bool is_right = span_equal(octets, (struct span){right, sizeof(right) - 1});

    ask(arg, (struct fake_question){.is_auth = true,
                                    .verdict = is_right ? SASL_ACCEPTED : SASL_REFUSED});
    return true;
}

static bool
on_auth_begin(void *arg, enum sasl_mechanism m, bool has_initial, struct span octets)
{
    (void)m;
    if (has_initial)
        return on_auth_step(arg, octets);
    ask(arg, (struct fake_question){.is_auth = true, .is_challenge = true});
    return true;
}

static void
on_auth_abort(void *arg)
{
    struct fake *f = arg;
    size_t kept = 0;

    for (size_t i = 0; i < f->question_count; i++) {
        if (!f->questions[i].is_auth)
            f->questions[kept++] = f->questions[i];
    }
    f->question_count = kept;
}

static const struct smtp_session_calls calls = {
    .auth_begin = on_auth_begin,
    .auth_step = on_auth_step,
    .auth_abort = on_auth_abort,
    .can_start_tls = on_can_start_tls,
    .start_tls = on_start_tls,
    .reply = on_reply,
    .mail_begin = on_mail_begin,
    .client_changed = on_client_changed,
    .ask_rcpt = on_ask_rcpt,
    .data_begin = on_data_begin,
    .data = on_data,
    .data_end = on_data_end,
    .data_abort = on_data_abort,
    .finished = on_finished,
    .close = on_close,
};

void
fake_open(struct fake *f, enum listen_protocol protocol)
{
    memset(f, 0, sizeof(*f));
    buf_init(&f->output, 16 << 20);
    buf_init(&f->messages, 16 << 20);
    buf_init(&f->content, 16 << 20);
    f->limits = (struct settings_limits){.message_size = 1000,
                                         .recipients = 5,
                                         .command_line = 200,
                                         .errors = 10,
                                         .transactions = 5,
                                         .commands = UINT64_MAX,
                                         .unknown_recipients = UINT64_MAX,
                                         .tarpit_recipients = UINT64_MAX};
    f->config = (struct smtp_session_config){.protocol = protocol,
                                             .hostname = "mx.test",
                                             .session_id = "S",
                                             .client_ip = "192.0.2.1",
                                             .trusted = true,
                                             .dsn = true,
                                             .limits = &f->limits};
}

void
fake_start(struct fake *f)
{
    f->session = smtp_session_new(&f->config, &calls, f);
    ck_assert_ptr_nonnull(f->session);
    smtp_session_greet(f->session);
}

void
fake_release(struct fake *f)
{
    smtp_session_free(f->session);
    DENSE_CHECK(f->began == f->ended + f->aborted);
    buf_release(&f->output);
    buf_release(&f->messages);
    buf_release(&f->content);
}

static void
answer_questions(struct fake *f)
{
    while (f->question_count > 0) {
        size_t i = f->answers == FAKE_REVERSED ? f->question_count - 1 : 0;
        struct fake_question q = f->questions[i];

        f->question_count--;
        memmove(&f->questions[i], &f->questions[i + 1], (f->question_count - i) * sizeof(q));
        answer_one(f, &q);
    }
}

/* A slow client makes room for one more reply by each turn. */
void
fake_answer(struct fake *f)
{
    size_t before;

    do {
        answer_questions(f);
        before = f->output.len;
        smtp_session_writable(f->session);
    } while (f->question_count > 0 || f->output.len != before);
}

void
fake_feed(struct fake *f, struct span input, size_t split)
{
    while (input.n > 0) {
        size_t n = split == 0 || split > input.n ? input.n : split;

        smtp_session_feed(f->session, (struct span){input.p, n});
        input = span_skip(input, n);
        if (input.n == 0 || !smtp_session_wants_input(f->session))
            fake_answer(f);
    }
    fake_answer(f);
}
