/* SPDX-License-Identifier: MIT
 *
 * What the store answers, said in the right order: to RCPTs, of which many are asked at a time, and
 * at the end of data, where LMTP says each recipient's answer as soon as all before it are said
 * (RFC 2033 4.2), and SMTP says one for all (fold.c).
 */
#include "session_priv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest line of reply_print_outcome(). */
static bool
print_line(struct buf *line, const struct address *recipient, int code, const struct outcome *o,
           const char *delivery_id)
{
    buf_init(line, REPLY_OUTCOME_MAX);
    return reply_print_outcome(line, recipient, code, o, delivery_id);
}

static void
say_outcome(struct smtp_session *s, const struct address *recipient, int code,
            const struct outcome *o, const char *delivery_id)
{
    struct buf line;

    if (print_line(&line, recipient, code, o, delivery_id))
        session_reply_octets(s, buf_span(&line));
    else
        session_end(s, REPLY_SHUTDOWN, "no memory");
    buf_release(&line);
}

/* --- RCPT --- */

struct rcpt_slot *
answers_rcpt_slot(struct transaction *t)
{
    struct rcpt_slot *slot;

    assert(t->slot_count < RCPT_WINDOW);
    slot = &t->slots[(t->first_slot + t->slot_count) % RCPT_WINDOW];
    t->slot_count++;
    *slot = (struct rcpt_slot){.refusal = REPLY_NONE};
    return slot;
}

static void
accept_recipient(struct transaction *t, const struct envelope_recipient *r)
{
    struct envelope *e = &t->envelope;

    assert(e->recipient_count < t->recipients_size); /* reserved when it was asked for */
    e->recipients[e->recipient_count++] = *r;
}

/* Say the replies that are known, from the oldest on, up to the first that is not. */
static void
say_rcpts(struct smtp_session *s)
{
    struct transaction *t;

    while ((t = s->transaction) != NULL && t->slot_count > 0 && t->slots[t->first_slot].is_known) {
        struct rcpt_slot *slot = &t->slots[t->first_slot];
        bool is_unknown = slot->is_unknown;

        if (limits_must_delay(s, slot))
            return;
        t->first_slot = (t->first_slot + 1) % RCPT_WINDOW;
        t->slot_count--;
        if (slot->is_accepted)
            accept_recipient(t, &slot->recipient);
        if (slot->refusal != REPLY_NONE)
            session_refuse(s, slot->refusal);
        else
            session_reply_octets(s, span_of(slot->line));
        if (is_unknown)
            limits_count_unknown(s);
    }
}

uint64_t
smtp_session_delay(const struct smtp_session *s)
{
    return s->delay_ms;
}

void
smtp_session_delay_over(struct smtp_session *s)
{
    if (s->delay_ms == 0)
        return;
    s->delay_ms = 0;
    say_rcpts(s);
    session_resume(s);
}

/* Nobody has such an address; a mailbox that is full or disabled is no guess. */
static bool
names_nobody(const struct outcome *o)
{
    return o->kind == OUTCOME_NO_SUCH_USER || o->kind == OUTCOME_NOT_OURS ||
           o->kind == OUTCOME_BAD_ADDRESS;
}

void
answers_rcpt_refuse(struct smtp_session *s, enum smtp_reply id)
{
    struct rcpt_slot *slot;

    if (s->transaction->slot_count == 0) {
        session_refuse(s, id);
        return;
    }
    slot = answers_rcpt_slot(s->transaction);
    slot->is_known = true;
    slot->refusal = id;
}

/* A slot learns its answer. What cannot be kept is refused for now, and so not accepted either. */
static void
know_rcpt(struct transaction *t, struct rcpt_slot *slot, const struct outcome *o)
{
    struct buf line;

    slot->is_known = true;
    slot->is_unknown = names_nobody(o);
    if (print_line(&line, &slot->recipient.address, outcome_code(o), o, ""))
        slot->line = arena_copy(&t->arena, buf_span(&line));
    buf_release(&line);
    if (slot->line == NULL)
        slot->refusal = REPLY_NO_MEMORY;
    slot->is_accepted = slot->line != NULL && outcome_is_success(o);
}

static struct rcpt_slot *
find_slot(struct transaction *t, uint64_t id)
{
    for (unsigned i = 0; i < t->slot_count; i++) {
        struct rcpt_slot *slot = &t->slots[(t->first_slot + i) % RCPT_WINDOW];

        if (slot->id == id && !slot->is_known)
            return slot;
    }
    return NULL;
}

void
smtp_session_rcpt_answer(struct smtp_session *s, uint64_t id, const struct outcome *outcome)
{
    struct rcpt_slot *slot = s->state == SESSION_MAIL ? find_slot(s->transaction, id) : NULL;

    if (slot == NULL || slot->is_at_filter)
        return;
    if (outcome_is_success(outcome) && filter_asks_rcpt(s, slot))
        return;
    s->steps++;
    know_rcpt(s->transaction, slot, outcome);
    say_rcpts(s);
    session_resume(s);
}

void
answers_rcpt_filtered(struct smtp_session *s, uint64_t id, const struct outcome *o)
{
    struct rcpt_slot *slot = s->state == SESSION_MAIL ? find_slot(s->transaction, id) : NULL;
    struct outcome ok;

    if (slot == NULL || !slot->is_at_filter)
        return;
    outcome_set(&ok, OUTCOME_RCPT_OK, NULL);
    know_rcpt(s->transaction, slot, outcome_is_success(o) ? &ok : o);
    say_rcpts(s);
}

void
answers_say(struct smtp_session *s, const struct outcome *o)
{
    say_outcome(s, NULL, outcome_code(o), o, "");
}

/* --- the end of data --- */

struct kept_answer {
    struct outcome outcome;
    char delivery_id[2 * ID_SIZE];
};

/* About the client: XFORWARD knows best, then XCLIENT, then the connection. */
const char *
session_fact(const struct smtp_session *s, enum proxy_fact fact)
{
    if (s->forward.text[fact] != NULL)
        return s->forward.text[fact];
    if (s->client.text[fact] != NULL)
        return s->client.text[fact];
    return fact == FACT_IP && s->peer_ip != NULL ? s->peer_ip : "";
}

/* That of the connection is the client's as long as nobody told of another client. */
static const char *
known_port(const struct smtp_session *s)
{
    const char *port = session_fact(s, FACT_PORT);
    bool is_other = s->forward.text[FACT_IP] != NULL || s->client.text[FACT_IP] != NULL;

    return port[0] != '\0' || is_other || s->config.client_port == NULL ? port
                                                                        : s->config.client_port;
}

/* The envelope gets what only the session knows; its strings live as long as the call that shows
 * it. */
static void
complete_envelope(struct smtp_session *s)
{
    struct envelope *e = &s->transaction->envelope;
    const char *helo = session_fact(s, FACT_HELO);

    if (session_is_lmtp(s))
        e->protocol = PROTOCOL_LMTP;
    else
        e->protocol = s->is_extended ? PROTOCOL_ESMTP : PROTOCOL_SMTP;
    e->helo = helo[0] != '\0' ? helo : s->helo;
    e->client_ip = session_fact(s, FACT_IP);
    e->client_name = session_fact(s, FACT_NAME);
    e->client_port = known_port(s);
    e->client_protocol = session_fact(s, FACT_PROTOCOL);
    e->client_source = session_fact(s, FACT_SOURCE);
    e->queue_id = session_fact(s, FACT_QUEUE_ID);
    e->session = s->config.session_id;
    e->login = s->login != NULL ? s->login : session_fact(s, FACT_LOGIN);
    e->tls_version = s->tls != NULL ? s->tls->version : "";
    e->tls_cipher = s->tls != NULL ? s->tls->cipher : "";
    filter_name(s, e);
}

/* smtp_session_answer() to every recipient that has none. Input that waits must not run behind the
 * last of them: it might bring the next message here, which is none of this failure's. */
static void
answer_all(struct smtp_session *s, const struct outcome *o)
{
    struct outcome same = *o; /* it may lie in the transaction */
    uint32_t count = s->transaction->envelope.recipient_count;
    bool was_running = s->is_running;

    s->is_running = true;
    for (uint32_t i = 0; i < count && s->state == SESSION_ANSWER; i++)
        smtp_session_answer(s, i, &same, "");
    s->is_running = was_running;
}

void
answers_await(struct smtp_session *s)
{
    struct transaction *t = s->transaction;

    complete_envelope(s);
    s->messages++;
    t->answers = arena_alloc(&t->arena, t->envelope.recipient_count * sizeof(*t->answers));
    if (t->answers == NULL) { /* not one answer could be told apart from another */
        session_end(s, REPLY_SHUTDOWN, "no memory");
        return;
    }
    session_step(s, SESSION_ANSWER);
    if (t->has_failed) {
        answer_all(s, &t->failure);
        return;
    }
    t->is_open = t->is_at_filter = false; /* it is the store's now */
    s->calls->data_end(s->arg, &t->envelope);
}

static void
report(struct smtp_session *s)
{
    const struct transaction *t = s->transaction;
    struct smtp_summary summary = {
        .envelope = &t->envelope,
        .octets = t->octets,
        .delivered = t->fold.delivered.count,
        .refused = t->fold.permanent.count,
        .deferred = t->fold.temporary.count,
        .delivery_id = t->fold.delivery_id,
    };

    if (summary.delivered > 0) {
        s->accepted++;
        s->commands = 0;
    }
    s->calls->finished(s->arg, &summary);
}

static void
finish_transaction(struct smtp_session *s)
{
    report(s);
    session_forget_transaction(s);
    session_step(s, SESSION_READY);
    if (s->is_draining)
        session_end(s, REPLY_SHUTDOWN, "drained");
}

static void
say_folded(struct smtp_session *s)
{
    const struct transaction *t = s->transaction;
    struct outcome o;
    uint32_t index;
    int code = fold_result(&t->fold, &o, &index);
    bool is_for_all = t->fold.delivered.count == t->envelope.recipient_count;

    say_outcome(s, is_for_all ? NULL : &t->envelope.recipients[index].address, code, &o,
                t->fold.delivery_id);
}

/* LMTP: one recipient's answer, and those behind it that came before it. */
static void
say_in_order(struct smtp_session *s, uint32_t index, const struct outcome *o,
             const char *delivery_id)
{
    struct transaction *t = s->transaction;
    const struct envelope_recipient *recipients = t->envelope.recipients;

    if (index > t->answers_out) {
        struct kept_answer *kept = malloc(sizeof(*kept));

        if (kept == NULL) { /* silence is true, any answer might not be; the ledger knows */
            session_end(s, REPLY_SHUTDOWN, "no memory");
            return;
        }
        kept->outcome = *o;
        snprintf(kept->delivery_id, sizeof(kept->delivery_id), "%s", delivery_id);
        t->answers[index].kept = kept;
        return;
    }
    say_outcome(s, &recipients[index].address, outcome_code(o), o, delivery_id);
    t->answers_out++;
    while (s->state == SESSION_ANSWER && t->answers_out < t->envelope.recipient_count &&
           t->answers[t->answers_out].is_known) {
        const struct kept_answer *kept = t->answers[t->answers_out].kept;

        say_outcome(s, &recipients[t->answers_out].address, outcome_code(&kept->outcome),
                    &kept->outcome, kept->delivery_id);
        t->answers_out++;
    }
}

void
smtp_session_answer(struct smtp_session *s, uint32_t index, const struct outcome *outcome,
                    const char *delivery_id)
{
    struct transaction *t = s->transaction;

    if (s->state != SESSION_ANSWER || index >= t->envelope.recipient_count ||
        t->answers[index].is_known)
        return;
    s->steps++;
    t->answers[index].is_known = true;
    t->answers_known++;
    fold_add(&t->fold, index, outcome, delivery_id);
    if (session_is_lmtp(s))
        say_in_order(s, index, outcome, delivery_id);
    if (s->state != SESSION_ANSWER || t->answers_known < t->envelope.recipient_count)
        return;
    if (!session_is_lmtp(s))
        say_folded(s);
    if (s->state == SESSION_ANSWER)
        finish_transaction(s);
    session_resume(s);
}

/* --- when the store is gone --- */

static void
fail_rcpts(struct smtp_session *s, const struct outcome *o)
{
    struct transaction *t = s->transaction;

    for (unsigned i = 0; i < t->slot_count; i++) {
        struct rcpt_slot *slot = &t->slots[(t->first_slot + i) % RCPT_WINDOW];

        if (!slot->is_known)
            know_rcpt(t, slot, o);
    }
    say_rcpts(s);
}

void
smtp_session_fail(struct smtp_session *s, const struct outcome *outcome)
{
    if (s->state == SESSION_AUTH)
        smtp_session_auth_done(s, SASL_UNAVAILABLE, "");
    else if (s->filter_id != 0)
        filter_fail(s, outcome);
    else if (s->state == SESSION_MAIL)
        fail_rcpts(s, outcome);
    else if (s->state == SESSION_ANSWER)
        answer_all(s, outcome);
    else if (s->transaction != NULL && s->transaction->is_open)
        content_fail(s, outcome);
    session_resume(s);
}
