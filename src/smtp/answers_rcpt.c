/* SPDX-License-Identifier: MIT
 *
 * What the store and the filters answer to RCPTs, of which many are asked at a time, said in the
 * order in which they came (RFC 2920). A refusal may have to wait (limits.c).
 */
#include "session_priv.h"

#include <assert.h>
#include <string.h>

/* --- the order of replies --- */

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

/* --- answers --- */

/* Nobody has such an address, here or at home elsewhere; a mailbox that is full or disabled is no
 * guess. */
static bool
names_nobody(const struct outcome *o)
{
    if (o->kind == OUTCOME_RELAY_REFUSED)
        return strcmp(outcome_enhanced(o), "5.1.1") == 0;
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
    if (answers_print_line(&line, &slot->recipient.address, outcome_code(o), o, ""))
        slot->line = arena_copy(&t->asked, buf_span(&line));
    buf_release(&line);
    if (slot->line == NULL)
        slot->refusal = REPLY_NO_MEMORY;
    else if (outcome_is_success(o) && !rcpt_keep(t, &slot->recipient))
        slot->refusal = REPLY_TOO_MANY_RECIPIENTS;
    slot->is_accepted = slot->refusal == REPLY_NONE && outcome_is_success(o);
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
answers_rcpt_fail(struct smtp_session *s, const struct outcome *o)
{
    struct transaction *t = s->transaction;

    for (unsigned i = 0; i < t->slot_count; i++) {
        struct rcpt_slot *slot = &t->slots[(t->first_slot + i) % RCPT_WINDOW];

        if (!slot->is_known)
            know_rcpt(t, slot, o);
    }
    say_rcpts(s);
}
